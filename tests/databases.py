"""The databases the suite runs on: made by the real migrations, emptied between tests."""

import shutil
import threading
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, before_render_template
from flask_migrate import upgrade
from jinja2 import BytecodeCache, Template
from jinja2.bccache import Bucket
from psycopg.errors import DeadlockDetected
from sqlalchemy import TextClause, make_url, text
from sqlalchemy.exc import OperationalError

from gitlab_links.config.settings import Settings
from gitlab_links.extensions import db
from gitlab_links.local.supervisor import PROJECT
from tests import postgresql

MIGRATIONS = str(PROJECT / "migrations")
DIALECTS = ("sqlite", "postgresql")
# Flask and its extensions pass these to each template, and have the same as globals for imported
# ones.
_PASSED_TO_ALL = {"csrf_meta_tag", "csrf_token", "g", "request", "session"}


@dataclass(frozen=True)
class Database:
    """A database to test on; ``dialect`` is ``sqlite`` or ``postgresql``."""

    dialect: str
    url: str


def run_on_each(metafunc: pytest.Metafunc, wanted: str) -> None:
    """Have a test run on ``wanted``, as far as it is not ``only_on`` another one.

    ``one`` is SQLite: it answers without a server, in half the time. What ``differs_by_database``
    runs on both then, too.
    """
    missing = postgresql.find_programs() is None
    skip = pytest.mark.skipif(missing, reason=postgresql.HOW_TO_GET_IT)
    marks = {"postgresql": [skip], "sqlite": []}
    only = metafunc.definition.get_closest_marker("only_on")
    allowed = only.args if only else DIALECTS
    if wanted == "one":
        differs = metafunc.definition.get_closest_marker("differs_by_database")
        wanted = "both" if only or differs else "sqlite"
    chosen = [name for name in allowed if wanted in (name, "both")]
    params = [pytest.param(name, marks=marks[name]) for name in chosen]
    metafunc.parametrize("dialect", params, indirect=True, scope="session")


class _Templates(BytecodeCache):
    """Compiled templates, which every application of this process shares."""

    def __init__(self) -> None:
        self._compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._compiled:
            bucket.bytecode_from_string(self._compiled[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._compiled[bucket.key] = bucket.bytecode_to_string()


_TEMPLATES = _Templates()


def make_application(settings: Settings) -> Flask:
    """``create_app``, imported as late as this: tests of plain values do without all of it."""
    from gitlab_links.app import create_app

    app = create_app(settings)
    app.jinja_env.bytecode_cache = _TEMPLATES
    before_render_template.connect(_refuse_shadowed_globals, app)
    return app


def _refuse_shadowed_globals(
    app: Flask, template: Template, context: dict[str, Any], **_: object
) -> None:
    """What a view passes hides a global of the same name from every template of its page."""
    shadowed = (context.keys() & app.jinja_env.globals.keys()) - _PASSED_TO_ALL
    assert not shadowed, f"{template.name} is given {sorted(shadowed)}, which are globals"


def migrate(url: str, revision: str = "head") -> None:
    """Bring a database to the newest revision, or to one before, as an operator does."""
    from gitlab_links.app import create_job_app

    app = create_job_app(Settings(secret_key="migrating", database_url=url, log_level="WARNING"))
    with app.app_context():
        upgrade(directory=MIGRATIONS, revision=revision)
        db.engine.dispose()


def copy(database: Database, folder: Path) -> Database:
    """A new database with the same in it; nobody may be connected to the first one."""
    url, name = make_url(database.url), uuid.uuid4().hex
    if database.dialect == "sqlite":
        path = shutil.copy(str(url.database), folder / f"{name}.db")
        return Database(database.dialect, f"sqlite:///{path}")
    server = database.url.replace(f"/{url.database}?", "/{}?")
    return Database(
        database.dialect, postgresql.create_database(server, name, like=str(url.database))
    )


def empty(app: Flask) -> None:
    """Delete every row. A transaction that an earlier test left open fails this, not hangs it.
    Real workers may still be at a job, in another order.
    """
    _end_timers()
    for is_last in (False, False, True):
        try:
            _empty(app)
        except OperationalError as error:
            if is_last or not isinstance(error.orig, DeadlockDetected):
                raise
        else:
            return


def _end_timers() -> None:
    """Have written now what earlier tests put off: else it is written while the next one runs."""
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.cancel()
            thread.join()
            thread.function(*thread.args, **thread.kwargs)


def _empty(app: Flask) -> None:
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            _forget_statistics()
        _delete_rows()


def _delete_rows() -> None:
    with db.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL lock_timeout = '5s'")
        for name in connection.scalars(_tables_with_rows()).all():
            connection.exec_driver_sql(f'DELETE FROM "{name}"')


def _forget_statistics() -> None:
    """Those that cleaning up has made of an earlier test's few rows, which choose other plans.
    Connections keep them, so they are closed.
    """
    with db.engine.begin() as connection:
        names = "SELECT name FROM sqlite_schema WHERE name LIKE 'sqlite_stat%'"
        made = connection.scalars(text(names)).all()
        for name in made:
            connection.exec_driver_sql(f'DROP TABLE "{name}"')
    if made:
        db.engine.dispose()


@cache
def _tables_with_rows() -> TextClause:
    """Their names, those that refer to others first. Most tests fill five of fifty tables."""
    names = [table.name for table in reversed(db.metadata.sorted_tables)]
    each = (
        f"SELECT {place} AS place, '{name}' AS name WHERE EXISTS (SELECT 1 FROM \"{name}\")"
        for place, name in enumerate(names)
    )
    return text(f"SELECT name FROM ({' UNION ALL '.join(each)}) AS filled ORDER BY place")
