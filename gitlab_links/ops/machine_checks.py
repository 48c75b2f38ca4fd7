"""Checks of settings, mail server, secret key, database and migrations."""

import smtplib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import Connection, exists, inspect, select, text, update
from sqlalchemy.exc import DBAPIError, OperationalError

from gitlab_links import schema_revision
from gitlab_links.accounts.api_keys import count_of_other_secret_keys
from gitlab_links.accounts.models import Org, User
from gitlab_links.clock import utcnow
from gitlab_links.command_errors import reason, to_run
from gitlab_links.config.settings import DEFAULT_DATABASE, Settings
from gitlab_links.extensions import db, settings
from gitlab_links.installation import Installation, secret_key_is_ours
from gitlab_links.mail import mail_failure
from gitlab_links.ops.check_results import Finding, failure, ok, warning
from gitlab_links.ops.database_rights import missing_rights, way_to_migrate
from gitlab_links.plurals import listed
from gitlab_links.storage.database import require_writable

OLDEST_POSTGRESQL = 150000
CLOCK_SECONDS = 2.0
MAIL_SECONDS = 5.0
_CONNECTS_AGAIN = "Check DATABASE_URL, and that the server runs and accepts this machine."
_WRITES_AGAIN = {
    "postgresql": "Set DATABASE_URL to the primary, and allow the service's role to write.",
    "sqlite": "Allow the service's user to write the file and its folder, and check for free disk "
    "space.",
}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def check_settings() -> Iterator[Finding]:
    """Settings that are valid but rarely intended. With invalid ones the service does not start."""
    found = settings()
    address = urlsplit(found.public_base_url)
    if address.hostname in _LOOPBACK:
        yield warning(
            "settings",
            f"PUBLIC_BASE_URL is {found.public_base_url}: no GitLab on another machine can reach "
            "that.",
            "Set it to the address that people and GitLab use, beginning with https://.",
        )
    elif not found.served_over_https:
        yield warning(
            "settings",
            "PUBLIC_BASE_URL is plain http: passwords and webhook secrets are sent unencrypted.",
            "Put a proxy with TLS in front and set PUBLIC_BASE_URL to its https:// address.",
        )
    elif found.trusted_proxies == 0:
        yield warning(
            "settings",
            "TRUSTED_PROXIES is 0 although the service is reached by https: all clients seem to "
            "have the same address.",
            "Set it to the number of proxies in front, usually 1.",
        )
    else:
        yield ok("settings", f"served at {found.public_base_url}")


def check_names() -> Iterator[Finding]:
    """Variables that look like settings and are none: nothing else says that they do nothing."""
    for name, meant in Settings.misspelled().items():
        yield warning(
            "settings", f"{name} is no setting, so it has no effect.", f"Is {meant} meant?"
        )


def check_mail() -> Iterator[Finding]:
    """Whether the mail server accepts our login; sends nothing."""
    server = settings().mail_server
    if server is None:
        return
    try:
        server.try_login(MAIL_SECONDS)
    except (smtplib.SMTPException, OSError) as error:
        message = f"{server.host}:{server.port} accepts no mail: {mail_failure(error)}."
        yield failure("mail", message, "Check SMTP_URL, and that the server accepts this machine.")
    else:
        yield ok("mail", f"{server.host}:{server.port} accepts mail from {server.sender}")


def check_secret_key() -> Iterator[Finding]:
    """Whether it is the one that API keys and webhook secrets were hashed with."""
    ours = secret_key_is_ours()
    refused = count_of_other_secret_keys() if ours else 0
    if refused:
        yield warning(
            "secret key",
            f"API keys that are refused because SECRET_KEY has changed: {refused}.",
            "Their owners replace the secrets, or revoke the keys.",
        )
    elif ours:
        yield ok("secret key", "is the one of this installation")
    elif ours is not None:
        yield failure(
            "secret key",
            "SECRET_KEY has changed, so no API key or webhook secret is accepted, and all sessions "
            "have ended. People log in again with their passwords.",
            "Set SECRET_KEY to the old one everywhere. If it was changed on purpose, create new "
            f"API keys and webhook secrets and run: {to_run('accept-secret-key')}",
        )
    elif db.session.scalar(select(exists(select(Org.id)))):
        yield warning(
            "secret key",
            "it is not known whether SECRET_KEY is the one that API keys and webhook secrets were "
            "hashed with.",
            f"If existing API keys still work, run: {to_run('accept-secret-key')}. If they do "
            "not, set SECRET_KEY to the old one everywhere.",
        )
    else:
        yield ok("secret key", "there is no org yet")


def check_operators() -> Iterator[Finding]:
    """Whether each of OPERATOR_EMAILS has an account: one mistyped lets nobody in."""
    named = settings().operator_emails
    known = set(db.session.scalars(select(User.email).where(User.email.in_(named))))
    if named - known:
        yield warning(
            "operators",
            f"OPERATOR_EMAILS names without an account: {listed(sorted(named - known))}.",
            f"Correct it, or create the account with: {to_run('bootstrap')}",
        )


def check_database() -> Iterator[Finding]:
    """Whether it answers, takes writes, is new enough, and its clock agrees with ours."""
    absent = _missing_file()
    if absent is not None:
        yield absent
        return
    try:
        connection = db.session.connection()
    except OperationalError as error:
        said = reason(error)
        # A new connection to a server that takes no writes fails at once.
        advice = _WRITES_AGAIN["postgresql"] if "read-only" in said else _CONNECTS_AGAIN
        yield failure("database", f"no connection: {said}", advice)
        return
    lacking = missing_rights(connection) if db.engine.name == "postgresql" else None
    if lacking is not None:
        yield lacking
        return
    refusal = _write_refused(connection)
    if refusal is not None:
        yield failure("database", f"takes no writes: {refusal}", _WRITES_AGAIN[db.engine.name])
        return
    connection = db.session.connection()
    if db.engine.name == "sqlite":
        yield ok("database", f"SQLite, {_file()}: fit for one machine")
        return
    yield _server(connection)
    yield _clock(connection)


def _missing_file() -> Finding | None:
    """SQLite would create its file, and make the settings look right that do not name it."""
    path = db.engine.url.database or ""
    named = db.engine.name == "sqlite" and not path.startswith(("file:", ":"))
    if not named or Path(path).exists():
        return None
    return failure(
        "database",
        f"there is no SQLite file {_file()}.",
        f"Set DATABASE_URL in the environment or .env, or create it: {to_run('db upgrade')}",
    )


def _file() -> str:
    is_default = settings().database_url == DEFAULT_DATABASE
    return f"{db.engine.url.database}{' (DATABASE_URL is not set)' if is_default else ''}"


def _server(connection: Connection) -> Finding:
    info = connection.connection.driver_connection.info  # type: ignore[union-attr]
    version: int = info.server_version
    if version < OLDEST_POSTGRESQL:
        return warning(
            "database", f"PostgreSQL {version // 10_000} is not tested with.", "Use 15 or newer."
        )
    answers = f"PostgreSQL {version // 10_000} answers"
    return ok("database", f"{answers}: {info.dbname} at {info.host}, port {info.port}")


def _write_refused(connection: Connection) -> str | None:
    """The database's error for a write; None if it takes writes. The write is rolled back."""
    try:
        require_writable(connection)
        if inspect(connection).has_table(Installation.__tablename__):
            connection.execute(update(Installation).values(number=Installation.number))
        return None
    except DBAPIError as error:
        return reason(error)
    finally:
        db.session.rollback()


def check_migrations() -> Iterator[Finding]:
    """Whether this code runs on the database's schema."""
    wanted, found = schema_revision.wanted(), schema_revision.found()
    here = ", ".join(sorted(found)) or "no revision"
    if found == wanted:
        yield ok("migrations", f"at revision {here}")
    elif not schema_revision.is_behind(found):
        yield warning(
            "migrations",
            f"the database is at {here}, of a newer version. This one runs on it.",
            "No action needed after a return to the previous version. Otherwise install the newer "
            "version here.",
        )
    else:
        message = f"the database is at {here}, the code needs {', '.join(sorted(wanted))}."
        upgrade = f"Run: {to_run('db upgrade')}"
        on_postgresql = db.engine.name == "postgresql"
        advice = way_to_migrate(db.session.connection()) if on_postgresql else upgrade
        yield failure("migrations", message, advice)


def _clock(connection: Connection) -> Finding:
    before = utcnow()
    theirs = connection.scalar(text("SELECT clock_timestamp()")) or before
    # The database answers some time in between, seconds later on a busy machine.
    apart = max(before - theirs, theirs - utcnow()).total_seconds()
    if apart <= CLOCK_SECONDS:
        return ok("clock", "agrees with the database's")
    return warning(
        "clock",
        f"is {apart:.0f} s apart from the database's. Leases depend on equal clocks.",
        "Run a time service (NTP) on every machine.",
    )
