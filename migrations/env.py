"""How Alembic runs the revisions: each run is one transaction, on SQLite as on PostgreSQL."""

import logging
from typing import Any, Literal

import click
from alembic import context
from flask import current_app
from sqlalchemy import Connection, Engine

from gitlab_links.command_errors import database_errors_in_a_sentence
from gitlab_links.extensions import db
from gitlab_links.storage.database import UtcDateTime
from gitlab_links.storage.postgresql import take_time

UPGRADE_LOCK = 0x6765746C  # any number that nothing else in the database locks on

logging.getLogger("alembic.autogenerate").setLevel(logging.WARNING)


def _render_item(type_: str, item: Any, _autogen: Any) -> str | Literal[False]:
    """Keep revisions free of imports from the package: they outlive its present names."""
    if type_ == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def _name_revision(_context: Any, _revision: Any, directives: list[Any]) -> None:
    """By the next number, as the others are; none for models that have not changed."""
    wanted = getattr(context.config.cmd_opts, "autogenerate", False)
    if wanted and directives[0].upgrade_ops.is_empty():
        directives.clear()
        click.echo("The models have not changed: there is no migration to write.")
        return
    directives[0].rev_id = f"{len(list(context.script.walk_revisions())) + 1:04}"


def _include_name(name: str | None, type_: str, _parents: Any) -> bool:
    """Without the index of the search, which each database has in its own way."""
    of_search = {"table": "search_index", "index": "ix_search_texts_words"}.get(type_)
    return of_search is None or not (name or "").startswith(of_search)


def _configure(**how: Any) -> None:
    context.configure(
        target_metadata=db.metadata,
        include_name=_include_name,
        render_item=_render_item,
        process_revision_directives=_name_revision,
        # Alembic presumes that SQLite commits at each DDL statement; ours does not.
        transactional_ddl=True,
        **current_app.extensions["migrate"].configure_args,
        **how,
    )


def _write_sql() -> None:
    _configure(url=db.engine.url, literal_binds=True, dialect_opts={"paramstyle": "named"})
    with context.begin_transaction():
        context.run_migrations()


def _migrate(engine: Engine) -> None:
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            _ignore_foreign_keys(connection)
        _configure(connection=connection)
        with context.begin_transaction():
            if engine.dialect.name == "postgresql":
                take_time(connection)
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({UPGRADE_LOCK})")
            context.run_migrations()
            if engine.dialect.name == "sqlite":
                _check_foreign_keys(connection)
        connection.invalidate()  # the pool must not hand out one without foreign keys or limits


def _ignore_foreign_keys(connection: Connection) -> None:
    """Altering a table on SQLite drops and copies it, which would delete what refers to it.

    Inside a transaction the pragma does nothing, so it goes to the raw connection.
    """
    raw: Any = connection.connection.driver_connection
    raw.execute("PRAGMA foreign_keys=OFF")


def _check_foreign_keys(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        tables = sorted({row[0] for row in broken})
        raise RuntimeError(f"rows that refer to nothing after migrating: {', '.join(tables)}")


if context.is_offline_mode():
    _write_sql()
else:
    with database_errors_in_a_sentence():
        _migrate(db.engine)
