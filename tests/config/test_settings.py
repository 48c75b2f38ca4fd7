"""Settings: read once, from variables or files, and every bad one named in one message."""

import os
import subprocess
import threading

import pytest

from gitlab_links.config import settings
from gitlab_links.config.settings import CANNOT_START, ConfigError, Settings
from gitlab_links.local.services import python
from gitlab_links.local.supervisor import PROJECT
from gitlab_links.mail import Transport

SECRET = "s" * 40


def read(**environ):
    return Settings.from_environ({"SECRET_KEY": SECRET, **environ})


def problems(**environ):
    with pytest.raises(ConfigError) as refused:
        read(**environ)
    return str(refused.value)


def test_what_is_not_set_has_its_default():
    settings = read()
    assert (settings.metadata_ttl, settings.worker_processes) == (300, 3)
    assert settings.gitlab_timeout == 10
    assert settings.database_url.startswith("sqlite:///")
    days = 86_400
    kept = (
        settings.webhook_bodies_kept,
        settings.deliveries_kept,
        settings.failed_deliveries_kept,
    )
    assert kept == (7 * days, 30 * days, 90 * days)


def test_an_empty_variable_is_one_that_is_not_set():
    assert read(GITLAB_METADATA_TTL_SECONDS="", REDIS_URL=" ").metadata_ttl == 300


def test_what_is_set_is_read():
    settings = read(
        DATABASE_URL="postgres://user@host/name",
        REDIS_URL="unix:///run/redis.sock",
        VIA_RAH_ENCRYPTION_KEY=" one , two,",
        GITLAB_METADATA_TTL_SECONDS="60",
        PUBLIC_BASE_URL="https://links.example.com/",
        LOG_LEVEL="debug",
        WEBHOOK_BODY_RETENTION_DAYS="1",
        OPERATOR_EMAILS=" Ops@Example.com,second@example.com, ",
    )
    assert settings.operator_emails == {"ops@example.com", "second@example.com"}
    assert settings.database_url == "postgresql+psycopg://user@host/name"
    assert settings.encryption_keys == ("one", "two")
    assert settings.public_base_url == "https://links.example.com"
    assert (settings.metadata_ttl, settings.log_level) == (60, "DEBUG")
    assert settings.served_over_https
    assert settings.webhook_bodies_kept == 86_400


def test_a_secret_may_come_from_a_file(tmp_path):
    (tmp_path / "key").write_text(f"  {SECRET}\n")
    assert Settings.from_environ({"SECRET_KEY_FILE": str(tmp_path / "key")}).secret_key == SECRET


def test_both_a_variable_and_its_file_are_one_too_many(tmp_path):
    (tmp_path / "key").write_text(SECRET)
    assert "set it or SECRET_KEY_FILE, not both" in problems(SECRET_KEY_FILE=str(tmp_path / "key"))


def test_a_file_that_is_missing_or_no_text_is_named(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for path in (tmp_path / "missing", tmp_path / "binary"):
        assert "VIA_RAH_ENCRYPTION_KEY:" in problems(VIA_RAH_ENCRYPTION_KEY_FILE=str(path))
    found = problems(VIA_RAH_ENCRYPTION_KEY_FILE=str(tmp_path / "missing"))
    assert f"VIA_RAH_ENCRYPTION_KEY: {tmp_path / 'missing'}: No such file or directory" in found


@pytest.fixture
def env_file(tmp_path, monkeypatch):
    """A .env that processes read, and an environment without settings."""
    monkeypatch.setattr(settings, "ENV_FILE", tmp_path / ".env")
    monkeypatch.setattr(os, "environ", {"PATH": "/usr/bin:/bin"})
    return tmp_path / ".env"


def test_every_process_reads_the_env_file_and_the_environment_goes_before_it(env_file, monkeypatch):
    env_file.write_text(f"SECRET_KEY='{SECRET}'\nLOG_LEVEL=debug\nWORKER_PROCESSES=$LOG_LEVEL\n")
    monkeypatch.setitem(os.environ, "WORKER_PROCESSES", "5")
    read_now = Settings.from_environ()
    assert (read_now.secret_key, read_now.log_level) == (SECRET, "DEBUG")
    assert read_now.worker_processes == 5
    assert settings.env_file() == env_file


def test_the_env_file_is_left_alone_where_flask_is_told_to_skip_it(env_file, monkeypatch):
    env_file.write_text("LOG_LEVEL=loud\n")
    monkeypatch.setitem(os.environ, "SECRET_KEY", SECRET)
    monkeypatch.setitem(os.environ, "FLASK_SKIP_DOTENV", "1")
    assert Settings.from_environ().log_level == "INFO"
    assert settings.env_file() is None


def test_an_env_file_that_is_no_text_is_named(env_file):
    env_file.write_bytes(b"SECRET_KEY=\xff\xfe")
    with pytest.raises(ConfigError, match=r"\.env: is not text in UTF-8"):
        Settings.from_environ()


def test_a_secret_key_that_can_be_guessed_is_refused():
    assert "SECRET_KEY: must have 16 characters or more" in problems(SECRET_KEY="fifteen letters")


def test_every_bad_setting_is_named_in_one_message():
    message = problems(
        GITLAB_METADATA_TTL_SECONDS="soon",
        WORKER_PROCESSES="0",
        LOG_LEVEL="loud",
        REDIS_URL="http://localhost",
    )
    for name in ("GITLAB_METADATA_TTL_SECONDS", "WORKER_PROCESSES", "LOG_LEVEL", "REDIS_URL"):
        assert name in message


def test_a_token_of_metrics_that_can_be_guessed_is_refused():
    assert "must have 16 characters or more" in problems(METRICS_TOKEN="short")


@pytest.mark.parametrize(
    "text", ["-1", "+5", "1_0", "1.5", "1e3", "٣", "0x10", "604801", "000000000001999999", "9" * 99]
)
def test_a_number_is_plain_digits_within_bounds(text):
    assert "whole number from 1 to 604800" in problems(GITLAB_METADATA_TTL_SECONDS=text)


def test_a_call_may_not_take_longer_than_a_lease_allows():
    assert "GITLAB_TIMEOUT_SECONDS" in problems(GITLAB_TIMEOUT_SECONDS="11")


def test_a_database_in_memory_is_refused_because_web_and_workers_share_it():
    for url in ("sqlite://", "sqlite:///", "sqlite:///:memory:"):
        assert "must name a file" in problems(DATABASE_URL=url)


def test_processes_that_start_first_at_once_agree_on_one_secret(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "INSTANCE", tmp_path / "instance")
    start, found = threading.Barrier(12), []

    def begin():
        start.wait()
        found.append(Settings.from_environ({}).secret_key)

    threads = [threading.Thread(target=begin) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 12
    assert len(set(found)) == 1
    assert len(found[0]) > 40
    kept = tmp_path / "instance" / "secret_key"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in kept.parent.iterdir()] == ["secret_key"]


@pytest.mark.processes
@pytest.mark.parametrize(
    "command",
    [
        ("worker.py",),
        ("-m", "gunicorn", "--bind", "127.0.0.1:0", "wsgi:app"),
        ("-m", "gunicorn", "--bind", "127.0.0.1:0", "--workers", "2", "wsgi:app"),
        ("-m", "flask", "--app", "wsgi", "doctor"),
        ("-m", "flask", "--app", "wsgi", "--help"),
    ],
)
def test_bad_settings_end_every_process_with_the_message_and_no_traceback(command):
    environ = {"DATABASE_URL": "mysql://x", "PATH": "/usr/bin:/bin", "SECRET_KEY": SECRET}
    ended = subprocess.run(
        python(*command),
        capture_output=True,
        text=True,
        env=environ,
        cwd=PROJECT,
        timeout=60,
        check=False,
    )
    assert ended.returncode == CANNOT_START
    assert "  DATABASE_URL: must start with sqlite:// or postgresql://" in ended.stderr
    assert "Traceback" not in ended.stderr


MAIL = "smtp://links:s%2Fcret@mail.example.com"


def test_a_mail_server_is_read_with_the_usual_port_of_its_way():
    for url, port, transport in (
        (MAIL, 587, Transport.STARTTLS),
        (f"{MAIL}:2525", 2525, Transport.STARTTLS),
        (MAIL.replace("smtp:", "smtps:"), 465, Transport.TLS),
        ("smtp://relay?tls=none", 25, Transport.PLAIN),
    ):
        server = read(SMTP_URL=url, MAIL_FROM="links@example.com").mail_server
        assert (server.port, server.transport) == (port, transport)
        assert server.sender == "links@example.com"
        assert server.password == ("s/cret" if "@" in url else "")
        assert "s/cret" not in repr(server)


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com",
        "https://mail.example.com",
        "smtp://",
        "smtp://host:99999",
        "smtp://links:Tr0ub/4dor@mail.example.com",
        "smtp://host/path",
        "smtp://host?tls=no",
        "smtps://host?tls=none",
        f"{MAIL}?tls=none",
    ],
)
def test_a_mail_server_that_cannot_be_is_named_without_its_password(url):
    said = problems(SMTP_URL=url, MAIL_FROM="links@example.com")
    assert "SMTP_URL: " in said
    assert "Tr0ub" not in said
    assert "cret" not in said


def test_mail_needs_a_sender():
    assert "MAIL_FROM: required with SMTP_URL" in problems(SMTP_URL=MAIL)
    assert "MAIL_FROM: must be an e-mail" in problems(SMTP_URL=MAIL, MAIL_FROM="Links <l@x.org>")


def test_names_that_look_like_settings_and_are_none_are_found():
    given = dict.fromkeys(
        ("GITLAB_METADATA_TTL_SECOND", "PUBLIC_BASE_URI", "OIDC_CLIENT_SECRT_FILE", "smtp_url"), "x"
    )
    right = dict.fromkeys(("SECRET_KEY", "SMTP_URL_FILE", "PATH", "REDIS_PORT", "HOSTNAME"), "x")
    assert Settings.misspelled(given | right) == {
        "GITLAB_METADATA_TTL_SECOND": "GITLAB_METADATA_TTL_SECONDS",
        "OIDC_CLIENT_SECRT_FILE": "OIDC_CLIENT_SECRET_FILE",
        "PUBLIC_BASE_URI": "PUBLIC_BASE_URL",
        "smtp_url": "SMTP_URL",
    }
