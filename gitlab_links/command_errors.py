"""Errors of commands: a sentence instead of a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy.exc import DBAPIError

from gitlab_links.errors import DomainError


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
            f"The database says: {reason(error)}\nTo find out what to do: flask --app wsgi doctor"
        ) from None


@contextmanager
def refusals_in_a_sentence() -> Iterator[None]:
    """A decorator or context manager: typed errors become :class:`click.ClickException`."""
    try:
        yield
    except DomainError as refusal:
        raise click.ClickException(refusal.detail) from None
