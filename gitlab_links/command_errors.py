"""Errors of commands: a sentence instead of a traceback, and which command helps."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy.exc import DBAPIError

from gitlab_links.errors import DomainError

PROGRAM = "gitlab-links"


def to_run(command: str) -> str:
    """What the operator types to run another command: as the present one was started."""
    context = click.get_current_context(silent=True)
    program = None if context is None else context.find_root().info_name
    return f"{PROGRAM if program == PROGRAM else 'flask --app wsgi'} {command}"


def reason(error: DBAPIError) -> str:
    """The first line of the driver's message."""
    return str(error.orig).strip().partition("\n")[0]


@contextmanager
def database_errors_in_a_sentence() -> Iterator[None]:
    """A decorator or context manager: database errors become :class:`click.ClickException`."""
    try:
        yield
    except DBAPIError as error:
        raise click.ClickException(
            f"The database says: {reason(error)}\nTo find out what to do: {to_run('doctor')}"
        ) from None


@contextmanager
def refusals_in_a_sentence() -> Iterator[None]:
    """A decorator or context manager: typed errors become :class:`click.ClickException`."""
    try:
        yield
    except DomainError as refusal:
        raise click.ClickException(refusal.detail) from None
