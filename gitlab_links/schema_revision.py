"""The schema's revision: the one of the database, and those that this code knows."""

from functools import cache

from alembic.script import ScriptDirectory
from flask import current_app
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from gitlab_links.extensions import db


@cache
def wanted() -> frozenset[str]:
    """The revision that this code needs; read from disk once."""
    return frozenset(_scripts().get_heads())


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
    return frozenset(script.revision for script in _scripts().walk_revisions())


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(current_app.extensions["migrate"].migrate.get_config())
