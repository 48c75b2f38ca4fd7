"""What keeps the service from starting: secrets that are none, and settings that open a door."""

import subprocess
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from gitlab_links.config.settings import ConfigError, Settings
from gitlab_links.local.services import python
from gitlab_links.local.supervisor import PROJECT

POSTGRESQL = "postgresql://user@127.0.0.1:1/name"
GOOD = {"SECRET_KEY": "x" * 40, "DATABASE_URL": POSTGRESQL}


@pytest.mark.parametrize("given", [{}, {"SECRET_KEY": ""}, {"SECRET_KEY": "  "}])
def test_postgresql_without_a_secret_key_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="SECRET_KEY: required"):
        Settings.from_environ({"DATABASE_URL": POSTGRESQL, **given})


@pytest.mark.parametrize("name", ["SECRET_KEY", "VIA_RAH_ENCRYPTION_KEY"])
@pytest.mark.parametrize(
    "value", ["change-me", "CHANGE-ME", "changeme", " change-me\n", "placeholder"]
)
def test_a_placeholder_is_refused_on_any_database(tmp_path: Path, name: str, value: str) -> None:
    for database in (POSTGRESQL, f"sqlite:///{tmp_path / 'x.db'}"):
        with pytest.raises(ConfigError, match=f"{name}: is still a placeholder"):
            Settings.from_environ({**GOOD, "DATABASE_URL": database, name: value})
    (tmp_path / "secret").write_text(value)
    without = {key: text for key, text in GOOD.items() if key != name}
    with pytest.raises(ConfigError, match=f"{name}: is still a placeholder"):
        Settings.from_environ({**without, f"{name}_FILE": str(tmp_path / "secret")})


def test_a_placeholder_among_good_keys_is_found() -> None:
    keys = f"{Fernet.generate_key().decode()},change-me"
    with pytest.raises(ConfigError, match="VIA_RAH_ENCRYPTION_KEY"):
        Settings.from_environ({**GOOD, "VIA_RAH_ENCRYPTION_KEY": keys})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GITLAB_ALLOWED_HOSTS", "169.254.169.254"),
        ("GITLAB_ALLOWED_HOSTS", "metadata.google.internal"),
        ("GITLAB_ALLOWED_HOSTS", "localhost"),
        ("GITLAB_ALLOWED_HOSTS", "127.0.0.0/8"),
        ("GITLAB_ALLOWED_HOSTS", "*"),
        ("GITLAB_ALLOWED_HOSTS", "gitlab.lan:0"),
        ("PUBLIC_BASE_URL", "javascript:alert(1)"),
        ("PUBLIC_BASE_URL", "https://user:password@links.example.com"),
        ("REDIS_URL", "http://127.0.0.1"),
        ("DATABASE_URL", "mysql://x"),
        ("DATABASE_URL", "sqlite://"),
        ("TRUSTED_PROXIES", "-1"),
        ("TRUSTED_PROXIES", "1_0"),
    ],
)
def test_a_setting_that_would_open_a_door_is_refused(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        Settings.from_environ({**GOOD, name: value})


def test_all_that_is_wrong_is_told_at_once_and_no_secret_with_it() -> None:
    given = {**GOOD, "LOG_LEVEL": "LOUD", "REDIS_URL": "x", "GITLAB_ALLOWED_HOSTS": "*"}
    with pytest.raises(ConfigError) as caught:
        Settings.from_environ(given)
    named = {line.strip().partition(":")[0] for line in str(caught.value).splitlines()[1:]}
    assert named == {"LOG_LEVEL", "REDIS_URL", "GITLAB_ALLOWED_HOSTS"}
    assert GOOD["SECRET_KEY"] not in str(caught.value)


@pytest.mark.processes
@pytest.mark.parametrize("module", ["wsgi", "worker"])
def test_neither_web_nor_worker_starts_with_a_placeholder(module: str) -> None:
    environment = {"SECRET_KEY": "change-me", "DATABASE_URL": POSTGRESQL, "PATH": "/usr/bin:/bin"}
    ended = subprocess.run(
        python("-c", f"import runpy; runpy.run_path('{module}.py', run_name='__main__')"),
        cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode != 0
    assert "SECRET_KEY: is still a placeholder" in ended.stderr


def test_a_kept_secret_key_is_for_its_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gitlab_links.config.settings.INSTANCE", tmp_path / "instance")
    first, second = Settings.from_environ({}), Settings.from_environ({})
    assert first.secret_key == second.secret_key
    assert len(first.secret_key) >= 43
    kept = tmp_path / "instance" / "secret_key"
    assert kept.stat().st_mode & 0o077 == 0
    assert list(kept.parent.iterdir()) == [kept]
