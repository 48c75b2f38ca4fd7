"""Settings, database and migrations: what the service stands on."""

from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from gitlab_links import revisions
from gitlab_links.clock import utcnow
from gitlab_links.db_failures import reason
from gitlab_links.extensions import db, settings
from gitlab_links.ops.findings import Finding, failure, ok, warning

OLDEST_POSTGRESQL = 150000
CLOCK_SECONDS = 2.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def check_settings() -> Iterator[Finding]:
    """Settings that are allowed and seldom meant. Bad ones have kept us from starting."""
    found = settings()
    address = urlsplit(found.public_base_url)
    if address.hostname in _LOOPBACK:
        yield warning(
            "settings",
            f"PUBLIC_BASE_URL is {found.public_base_url}: no GitLab elsewhere can reach that.",
            "Set it to the address that people and GitLab use, beginning with https://.",
        )
    elif not found.served_over_https:
        yield warning(
            "settings",
            "PUBLIC_BASE_URL is plain http: passwords and webhook secrets travel in clear.",
            "Put a proxy with TLS in front and set PUBLIC_BASE_URL to its https:// address.",
        )
    elif found.trusted_proxies == 0:
        yield warning(
            "settings",
            "TRUSTED_PROXIES is 0 while people come by https: all seem to have one address.",
            "Set it to the number of proxies in front, usually 1.",
        )
    else:
        yield ok("settings", f"served at {found.public_base_url}")


def check_database() -> Iterator[Finding]:
    """Does it answer, is it new enough, does its clock agree with ours?"""
    dialect = db.engine.dialect.name
    try:
        connection = db.session.connection()
    except OperationalError as error:
        yield failure(
            "database",
            f"no connection: {reason(error)}",
            "Check DATABASE_URL, and that the server runs and lets this machine in.",
        )
        return
    if dialect == "sqlite":
        yield ok("database", "SQLite: fit for one machine")
        return
    version: int = connection.connection.driver_connection.info.server_version  # type: ignore[union-attr]
    if version < OLDEST_POSTGRESQL:
        yield warning(
            "database", f"PostgreSQL {version // 10_000} is not tested with.", "Use 15 or newer."
        )
    else:
        yield ok("database", f"PostgreSQL {version // 10_000} answers")
    yield _clock(connection.scalar(text("SELECT clock_timestamp()")))


def check_migrations() -> Iterator[Finding]:
    """Is the schema the one this code was written for?"""
    wanted, found = revisions.wanted(), revisions.found()
    if found == wanted:
        yield ok("migrations", f"at revision {', '.join(sorted(found))}")
    else:
        yield failure(
            "migrations",
            f"the database is at {', '.join(sorted(found)) or 'no revision'}, "
            f"the code wants {', '.join(sorted(wanted))}.",
            "Run: flask --app wsgi db upgrade",
        )


def _clock(theirs: datetime | None) -> Finding:
    apart = 0.0 if theirs is None else abs((utcnow() - theirs).total_seconds())
    if apart <= CLOCK_SECONDS:
        return ok("clock", "agrees with the database's")
    return warning(
        "clock",
        f"is {apart:.0f} s apart from the database's; leases compare clocks of machines.",
        "Run a time service (NTP) on every machine.",
    )
