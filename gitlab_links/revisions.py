"""The revision of the schema: which one the database is at, and which ones this code knows."""

from functools import cache

from alembic.script import ScriptDirectory
from flask import current_app
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from gitlab_links.extensions import db


@cache
def wanted() -> frozenset[str]:
    """What the code was written for; read from the disk once."""
    return frozenset(_scripts().get_heads())


def found() -> frozenset[str]:
    """What the database is at, empty before the first migration. One statement, as a rule.

    Raises what SQLAlchemy raises if the database does not answer; rolls back by then.
    """
    try:
        return frozenset(db.session.scalars(text("SELECT version_num FROM alembic_version")))
    except DBAPIError:
        db.session.rollback()
        if inspect(db.session.connection()).has_table("alembic_version"):
            raise
        return frozenset()


def is_behind(revisions: frozenset[str]) -> bool:
    """Whether migrations are missing. One that is not known here is a newer release's, on
    whose schema this one runs.
    """
    return revisions != wanted() and revisions <= _known()


@cache
def _known() -> frozenset[str]:
    return frozenset(script.revision for script in _scripts().walk_revisions())


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(current_app.extensions["migrate"].migrate.get_config())
