"""flask doctor: each thing that can be wrong is named, with what to do about it."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from redis import Redis
from sqlalchemy import delete, event, make_url, text

from gitlab_links import __version__
from gitlab_links.accounts.api_keys import keys_page, rotate_key
from gitlab_links.accounts.bootstrap import Consent, bootstrap
from gitlab_links.accounts.key_logins import key_login
from gitlab_links.accounts.models import Org
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.accounts.sessions import log_in
from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.extensions import db
from gitlab_links.installation import Installation
from gitlab_links.job_triggers import queue_names
from gitlab_links.jobs import sweeps
from gitlab_links.jobs.fetches import fetch_slice
from gitlab_links.local.services import free_port
from gitlab_links.mail import MailServer
from gitlab_links.ops import machine_checks
from gitlab_links.ops.check_results import Finding, Level
from gitlab_links.ops.command import examine
from gitlab_links.pages.orgs.keys import key_mark
from tests.conftest import GITLAB_TOKEN, MakeApp
from tests.databases import Database
from tests.factories import Factory
from tests.postgresql import demoted

Findings = dict[str, Finding]


def examined(app: Flask, **options: Any) -> Findings:
    with app.app_context():
        return {finding.about: finding for finding in examine(**options)}


def run(app: Flask, *options: str) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(args=["doctor", *options])
    return result.exit_code, result.output


def test_what_is_well_is_said_to_be_well(make_app: MakeApp) -> None:
    app = make_app(public_base_url="https://links.example.com", trusted_proxies=1)
    found = examined(app)
    assert found["version"].message == __version__
    well = {"settings", "database", "redis", "migrations", "encryption key", "deliveries", "items"}
    assert {about for about in well if found[about].level is not Level.OK} == set()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"public_base_url": "http://127.0.0.1:8000"}, "no GitLab on another machine"),
        ({"public_base_url": "http://links.example.com"}, "plain http"),
        ({"public_base_url": "https://links.example.com"}, "TRUSTED_PROXIES is 0"),
    ],
)
def test_settings_that_are_seldom_meant_are_pointed_out(
    make_app: MakeApp, changes: dict[str, Any], word: str
) -> None:
    finding = examined(make_app(**changes))["settings"]
    assert finding.level is Level.WARNING
    assert word in finding.message


def test_a_database_that_is_away_is_a_failure_and_ends_what_needs_one(make_app: MakeApp) -> None:
    app = make_app(database_url="postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    found = examined(app)
    assert found["database"].level is Level.FAILURE
    assert "DATABASE_URL" in found["database"].advice
    assert "migrations" not in found
    assert run(app)[0] == 1


def test_a_database_without_tables_asks_for_the_migrations(
    make_app: MakeApp, empty_database: Database
) -> None:
    app = make_app(database_url=empty_database.url)
    # On SQLite a command that writes makes the file.
    assert app.test_cli_runner().invoke(args=["rotate-keys"]).exit_code == 1
    found = examined(app)
    assert found["migrations"].level is Level.FAILURE
    assert "db upgrade" in found["migrations"].advice
    assert "deliveries" not in found


@pytest.mark.only_on("sqlite")
def test_a_file_that_is_not_there_is_missed_and_not_made(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/instance/gitlab_links.db"
    found = examined(make_app(database_url=url))["database"]
    assert found.level is Level.FAILURE
    assert f"no SQLite file {tmp_path}/instance/gitlab_links.db." in found.message
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(machine_checks, "DEFAULT_DATABASE", url)
    found = examined(make_app(database_url=url))["database"]
    assert "gitlab_links.db (DATABASE_URL is not set)" in found.message


def test_a_database_that_takes_no_writes_is_a_failure(
    make_app: MakeApp, database: Database
) -> None:
    if database.dialect == "sqlite":
        path = database.url.removeprefix("sqlite:///")
        found = examined(make_app(database_url=f"sqlite:///file:{path}?mode=ro&uri=true"))
        read_only = "the file and its folder"
    else:
        with demoted(database.url):
            found = examined(make_app())
        read_only = "the primary"
    assert found["database"].level is Level.FAILURE
    assert re.search("read-?only", found["database"].message)
    assert read_only in found["database"].advice


def test_the_database_is_named_without_its_password(make_app: MakeApp, database: Database) -> None:
    url = make_url(database.url)
    assert url.database
    app = make_app(database_url=database.url)
    assert url.database in examined(app)["database"].message
    if database.dialect == "postgresql":
        named = url.set(password="canary").render_as_string(hide_password=False)
        found = examined(make_app(database_url=named))["database"].message
        assert f"{url.database} at {url.query['host']}, port" in found
        assert "canary" not in found


def test_a_schema_of_a_newer_version_is_no_failure(app: Flask) -> None:
    with app.app_context():
        written = db.session.scalar(text("SELECT version_num FROM alembic_version"))
        db.session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        db.session.commit()
    try:
        found = examined(app)
    finally:
        with app.app_context():
            db.session.execute(text(f"UPDATE alembic_version SET version_num = '{written}'"))
            db.session.commit()
    assert found["migrations"].level is Level.WARNING
    assert "of a newer version. This one runs on it." in found["migrations"].message
    assert "db upgrade" not in found["migrations"].advice
    assert found["items"].level is Level.OK


def test_another_secret_key_is_found_out_and_may_be_accepted(make_app: MakeApp) -> None:
    with make_app().app_context():
        made = bootstrap("ada@example.com", "correct horse battery", "Acme")
        db.session.commit()
    assert examined(make_app())["secret key"].level is Level.OK
    other = make_app(secret_key="another key altogether")
    found = examined(other)["secret key"]
    assert found.level is Level.FAILURE
    assert "accept-secret-key" in found.advice
    assert "log in again with their passwords" in found.message
    with other.app_context():
        assert log_in("ada@example.com", "correct horse battery", "203.0.113.1")
    accepted = other.test_cli_runner().invoke(args=["accept-secret-key"])
    assert (accepted.exit_code, "replace their secrets" in accepted.output) == (0, True)
    found = examined(other)["secret key"]
    assert found.level is Level.WARNING
    assert "refused because SECRET_KEY has changed: 1." in found.message
    with other.app_context():
        [key] = keys_page(made.org_id)
        assert (key_mark(key).text, key_login(made.api_key or "")) == ("Refused", None)
        renewed = rotate_key(Principal(made.org_id, made.user_id, Role.ADMIN), key.id)
        db.session.commit()
        assert key_mark(renewed.key).text == "Active"
        assert key_login(renewed.secret) is not None
    assert examined(other)["secret key"].level is Level.OK


def test_a_secret_key_that_nothing_vouches_for_is_taken_for_nobodys(make_app: MakeApp) -> None:
    app = make_app()
    assert examined(app)["secret key"].level is Level.OK
    with app.app_context():
        made = bootstrap("ada@example.com", "correct horse battery", "Acme")
        db.session.execute(delete(Installation))
        db.session.commit()
    for other in (app, make_app(secret_key="another key altogether")):
        with other.app_context():
            sweeps.clean()
            consent = Consent(org_id=made.org_id, keep_password=True)
            bootstrap("ada@example.com", None, None, consent=consent)
            db.session.commit()
        finding = examined(other)["secret key"]
        assert finding.level is Level.WARNING
        assert "If existing API keys still work" in finding.advice
    assert app.test_cli_runner().invoke(args=["accept-secret-key"]).exit_code == 0
    assert examined(app)["secret key"].level is Level.OK


@pytest.mark.only_on("sqlite")
def test_a_mail_server_that_takes_no_mail_is_a_failure(make_app: MakeApp) -> None:
    server = MailServer.parse(f"smtp://127.0.0.1:{free_port()}?tls=none", "links@example.com")
    found = examined(make_app(mail_server=server))["mail"]
    assert found.level is Level.FAILURE
    assert "Connection refused" in found.message
    assert "mail" not in examined(make_app())


def test_redis_that_is_away_is_a_failure(make_app: MakeApp) -> None:
    found = examined(make_app(redis_url="redis://127.0.0.1:1/0"))
    assert found["redis"].level is Level.FAILURE
    assert found["migrations"].level is Level.OK


def test_while_redis_is_full_nobody_is_sent_to_the_workers(app: Flask, redis: Redis) -> None:
    redis.config_set("maxmemory", 1)
    try:
        found = examined(app)
    finally:
        redis.config_set("maxmemory", 0)
    assert "takes no writes" in found["redis"].message
    for about in ("workers", "schedule"):
        assert found[about].level is Level.FAILURE
        assert "worker.py" not in found[about].advice
        assert "First repair Redis" in found[about].advice
    assert "Start worker.py" in examined(app)["schedule"].advice


def test_a_redis_that_evicts_is_pointed_out(app: Flask, redis: Redis) -> None:
    redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        finding = examined(app)["redis"]
    finally:
        redis.config_set("maxmemory-policy", "noeviction")
    assert finding.level is Level.WARNING
    assert "noeviction" in finding.advice


def test_a_redis_that_hides_its_configuration_is_taken_as_it_is(
    app: Flask, redis: Redis, make_app: MakeApp
) -> None:
    redis.acl_setuser(
        "plain",
        enabled=True,
        nopass=True,
        keys="*",
        channels="*",
        categories=["+@all"],
        commands=["-config"],
    )
    try:
        url = app.extensions["settings"].redis_url.replace("://", "://plain:any@")
        found = examined(make_app(redis_url=url))["redis"]
    finally:
        redis.acl_deluser("plain")
    assert (found.level, found.message) == (
        Level.OK,
        "answers; its configuration cannot be read",
    )


@pytest.mark.only_on("postgresql")
def test_a_clock_that_is_apart_from_the_databases_is_pointed_out(app: Flask, clock: Any) -> None:
    assert examined(app)["clock"].level is Level.OK
    clock.advance(90)
    found = examined(app)["clock"]
    assert found.level is Level.WARNING
    assert "s apart from the database's" in found.message


@pytest.mark.shipped_limits
@pytest.mark.only_on("postgresql")
def test_a_database_that_answers_late_has_no_other_clock(app: Flask, clock: Any) -> None:
    def take_half_a_minute(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "clock_timestamp" in statement:
            clock.advance(30)

    with app.app_context():
        event.listen(db.engine, "after_cursor_execute", take_half_a_minute)
        try:
            assert examined(app)["clock"].level is Level.OK
        finally:
            event.remove(db.engine, "after_cursor_execute", take_half_a_minute)


@pytest.mark.only_on("postgresql")
def test_a_postgresql_nobody_tests_with_is_pointed_out(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine_checks, "OLDEST_POSTGRESQL", 990_000)
    found = examined(app)["database"]
    assert found.level is Level.WARNING
    assert "is not tested with" in found.message


def test_without_workers_both_workers_and_schedule_fail(app: Flask) -> None:
    found = examined(app)
    assert found["workers"].level is Level.FAILURE
    assert "deliveries" in found["workers"].message
    assert found["schedule"].level is Level.FAILURE


def test_a_schedule_that_ticked_just_now_is_well(app: Flask) -> None:
    from gitlab_links.jobs.schedule import Ticker

    with app.app_context():
        Ticker().tick(time.time())
    assert examined(app)["schedule"].level is Level.OK


def test_without_a_key_it_says_that_secrets_cannot_be_kept(make_app: MakeApp) -> None:
    finding = examined(make_app(encryption_keys=()))["encryption key"]
    assert finding.level is Level.FAILURE
    assert "VIA_RAH_ENCRYPTION_KEY" in finding.advice


def test_another_key_is_found_out_by_the_tokens_that_do_not_open(
    make_app: MakeApp, factory: Factory, gitlab_port: int
) -> None:
    org = factory.org(name="Acme")
    factory.connect(org, base_url=f"http://127.0.0.1:{gitlab_port}", token="glpat-x")
    finding = examined(make_app(encryption_keys=(Fernet.generate_key().decode(),)))
    assert finding["encryption key"].level is Level.FAILURE
    assert finding["encryption key"].message == (
        f"1 stored token cannot be decrypted with it: Acme ({org.id})."
    )


def test_an_operator_without_an_account_is_pointed_out(make_app: MakeApp) -> None:
    app = make_app(operator_emails=frozenset({"ada@example.com", "bob@example.com"}))
    with app.app_context():
        bootstrap("ada@example.com", "correct horse battery", "Acme")
        db.session.commit()
    finding = examined(app)["operators"]
    assert (finding.level, "account: bob@example.com." in finding.message) == (Level.WARNING, True)
    assert "operators" not in examined(make_app())


def test_a_token_that_only_other_processes_cannot_decrypt_asks_for_their_restart(
    make_app: MakeApp, factory: Factory, gitlab_port: int
) -> None:
    org = factory.org(name="Acme")
    factory.connect(org, base_url=f"http://127.0.0.1:{gitlab_port}", token="glpat-x")
    with make_app(encryption_keys=(Fernet.generate_key().decode(),)).app_context():
        fetch_slice(org.id)
    output = run(make_app())[1]
    assert "ok    encryption key" in output
    assert "(invalid_token_ciphertext)" in output
    assert "Restart web and workers" in output


def test_a_late_backlog_is_pointed_out(app: Flask, factory: Factory) -> None:
    late = datetime.now(UTC) - timedelta(minutes=5)
    factory.delivery(factory.org(), status="received", due_at=late)
    finding = examined(app)["deliveries"]
    assert finding.level is Level.WARNING
    assert finding.message.startswith("1 wait")


def connect_well(factory: Factory, **known: Any) -> Org:
    """An org whose token was checked and whose events arrive, but for what is ``known``."""
    org = factory.org(name="Acme")
    well = {"token_ciphertext": "x", "token_checked_at": datetime.now(UTC)}
    factory.integration(org, webhook_secret_hash="of a secret", **{**well, **known})
    factory.delivery(org, status="processed")
    return org


@pytest.mark.parametrize(
    ("known", "message", "advice"),
    [
        ({"error_code": "auth_error"}, "refuses the access token", "Create a new token"),
        ({"error_code": "network_error"}, "cannot be reached", "firewall"),
        ({"error_code": "blocked_address"}, "is internal", "GITLAB_ALLOWED_HOSTS"),
        ({"error_code": "http_502"}, "a server error (502)", "retries automatically"),
        ({"token_expires_at": datetime.now(UTC) - timedelta(days=1)}, "expired on", "new token"),
        ({"token_expires_at": datetime.now(UTC) + timedelta(days=6)}, "within 7 days", "Rotate"),
        ({"paused_until": datetime.now(UTC) + timedelta(hours=1)}, "not called until", "again"),
    ],
)
def test_what_is_wrong_with_a_connection_is_shown_with_the_orgs_name_and_id(
    app: Flask, factory: Factory, known: dict[str, Any], message: str, advice: str
) -> None:
    org = connect_well(factory, **known)
    finding = examined(app)[f"GitLab of Acme ({org.id})"]
    assert finding.level is Level.WARNING
    assert message in finding.message
    assert advice in finding.advice


def test_a_connection_that_works_is_not_mentioned(app: Flask, factory: Factory) -> None:
    connect_well(factory, token_expires_at=datetime.now(UTC) + timedelta(days=60))
    factory.integration(factory.org(name="Bare"), base_url=None, error_code="auth_error")
    assert not [about for about in examined(app) if about.startswith("GitLab")]


@pytest.mark.parametrize(
    ("token", "level"), [(GITLAB_TOKEN, Level.OK), ("glpat-of-nobody", Level.FAILURE)]
)
def test_on_demand_every_gitlab_is_asked(
    app: Flask, factory: Factory, gitlab: SimulatedGitLab, token: str, level: Level
) -> None:
    org = factory.org(name="Acme")
    factory.connect(org, base_url=gitlab.url, token=token)
    gitlab.state.calls.reset()
    examined(app)
    assert gitlab.state.calls.total("") == 0
    finding = examined(app, ask_gitlab=True)[f"GitLab of Acme ({org.id})"]
    assert finding.level is level
    assert (level is Level.OK) != ("GitLab refuses the access token" in finding.message)


def test_it_tells_no_secret(make_app: MakeApp, factory: Factory, gitlab: SimulatedGitLab) -> None:
    app = make_app(secret_key="canary-secret-key", metrics_token="canary-metrics-token")
    factory.connect(factory.org(), base_url=gitlab.url, token="glpat-canary")
    output = run(app, "--gitlab")[1]
    assert "canary" not in output


def test_the_exit_code_is_0_when_nothing_fails(
    make_app: MakeApp, with_worker: Callable[[], None]
) -> None:
    with_worker()
    code, output = run(make_app())
    assert "FAIL" not in output
    assert code == 0


@pytest.fixture
def with_worker(app: Flask, redis_url: str) -> Any:
    """Registers a worker as ``worker.py`` does, without running any job."""
    from gitlab_links.job_triggers import SCHEDULE_QUEUE as QUEUE
    from gitlab_links.jobs.redis_trouble import RedisTrouble
    from gitlab_links.jobs.schedule import Ticker
    from gitlab_links.jobs.workers import PoolWorker

    registered = []

    def register() -> None:
        with app.app_context():
            worker = PoolWorker.of(redis_url, [QUEUE, *queue_names()], RedisTrouble())
            worker.register_birth()
            registered.append(worker)
            Ticker().tick(time.time())

    yield register
    for worker in registered:
        worker.register_death()
