"""What a command says when it is refused or the database fails: a sentence, no traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy.exc import DBAPIError

from gitlab_links.errors import DomainError


def reason(error: DBAPIError) -> str:
    """The driver's own words, their first line."""
    return str(error.orig).strip().partition("\n")[0]


@contextmanager
def database_errors_in_a_sentence() -> Iterator[None]:
    """Around a command, as a decorator or a block; raises :class:`click.ClickException`."""
    try:
        yield
    except DBAPIError as error:
        raise click.ClickException(
            f"The database says: {reason(error)}\nWhat to do about it: flask --app wsgi doctor"
        ) from None


@contextmanager
def refusals_in_a_sentence() -> Iterator[None]:
    """Around a command, as ``database_errors_in_a_sentence``: typed errors become one line."""
    try:
        yield
    except DomainError as refusal:
        raise click.ClickException(refusal.detail) from None
