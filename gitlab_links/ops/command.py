"""``flask doctor``: check the installation, and say what to do."""

import sys
from collections.abc import Iterator

import click
from flask.cli import with_appcontext

from gitlab_links import __version__
from gitlab_links.extensions import settings
from gitlab_links.ops import gitlab_checks, machine_checks, worker_checks
from gitlab_links.ops.check_results import Finding, Level, ok

_MARKS = {Level.OK: "ok  ", Level.WARNING: "WARN", Level.FAILURE: "FAIL"}
_COLORS = {Level.OK: "green", Level.WARNING: "yellow", Level.FAILURE: "red"}


@click.command("doctor")
@click.option("--gitlab", "ask_gitlab", is_flag=True, help="Also call every org's GitLab.")
@with_appcontext
def doctor_command(*, ask_gitlab: bool) -> None:
    """Check settings, database, migrations, Redis, workers, schedule, keys and connections.

    Changes nothing. Exits 1 if something does not work, 0 otherwise.
    """
    worst = False
    for finding in examine(ask_gitlab=ask_gitlab):
        worst = worst or finding.level is Level.FAILURE
        mark = click.style(_MARKS[finding.level], fg=_COLORS[finding.level])
        click.echo(f"{mark}  {finding.about}: {finding.message}")
        if finding.advice:
            click.echo(f"      {finding.advice}")
    sys.exit(1 if worst else 0)


def examine(*, ask_gitlab: bool = False) -> Iterator[Finding]:
    """All findings; what others depend on comes first."""
    yield ok("version", __version__)
    yield from machine_checks.check_settings()
    yield from machine_checks.check_names()
    yield from machine_checks.check_mail()
    yield from _check_issuer()
    database = list(machine_checks.check_database())
    yield from database
    redis = list(worker_checks.check_redis())
    yield from redis
    yield from worker_checks.check_workers(redis_works=not _failed(redis))
    if _failed(database):
        return
    migrations = list(machine_checks.check_migrations())
    yield from migrations
    if _failed(migrations):
        return
    yield from machine_checks.check_secret_key()
    yield from machine_checks.check_operators()
    yield from gitlab_checks.check_keys()
    yield from worker_checks.check_backlog()
    yield from gitlab_checks.check_connections()
    if ask_gitlab:
        yield from gitlab_checks.ask_gitlabs()


def _check_issuer() -> Iterator[Finding]:
    # Authlib takes time to import, and the web process imports this module.
    from gitlab_links.ops.sign_in_checks import check_issuer

    if settings().issuer is not None:
        yield from check_issuer()


def _failed(findings: list[Finding]) -> bool:
    return any(finding.level is Level.FAILURE for finding in findings)
