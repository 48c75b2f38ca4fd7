"""The schema's revision: the one of the database, and those that this code knows."""

from functools import cache

from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from gitlab_links.extensions import db
from gitlab_links.installed_files import MIGRATIONS


@cache
def wanted() -> frozenset[str]:
    """The revision that this code needs; read from disk once."""
    return frozenset({max(_known())})


def found() -> frozenset[str]:
    """The database's revision; empty before the first migration. Usually one statement.

    Raises SQLAlchemy's DBAPIError if the database does not answer, after a rollback.
    """
    try:
        return frozenset(db.session.scalars(text("SELECT version_num FROM alembic_version")))
    except DBAPIError:
        db.session.rollback()
        if inspect(db.session.connection()).has_table("alembic_version"):
            raise
        return frozenset()


def is_behind(revisions: frozenset[str]) -> bool:
    """Whether migrations are missing. An unknown revision belongs to a newer release; this one
    can run on its schema.
    """
    return revisions != wanted() and revisions <= _known()


@cache
def _known() -> frozenset[str]:
    # A file begins with the number of its revision: Alembic would import all of them to say so.
    return frozenset(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
