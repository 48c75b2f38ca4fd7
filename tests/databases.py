"""The databases the suite runs on: made by the real migrations, emptied between tests."""

from dataclasses import dataclass

import pytest
from flask import Flask
from flask_migrate import upgrade

from gitlab_links.config.settings import Settings
from gitlab_links.extensions import db
from gitlab_links.local.supervisor import PROJECT
from tests import postgresql

MIGRATIONS = str(PROJECT / "migrations")
DIALECTS = ("sqlite", "postgresql")


@dataclass(frozen=True)
class Database:
    """A database to test on; ``dialect`` is ``sqlite`` or ``postgresql``."""

    dialect: str
    url: str


def run_on_each(metafunc: pytest.Metafunc, wanted: str) -> None:
    """Have a test run on ``wanted``, as far as it is not ``only_on`` another one.

    ``one`` is PostgreSQL, or SQLite where there is none. What ``differs_by_database`` runs
    on both then, too.
    """
    missing = postgresql.find_programs() is None
    skip = pytest.mark.skipif(missing, reason=postgresql.HOW_TO_GET_IT)
    marks = {"postgresql": [skip], "sqlite": []}
    only = metafunc.definition.get_closest_marker("only_on")
    allowed = only.args if only else DIALECTS
    if wanted == "one":
        differs = metafunc.definition.get_closest_marker("differs_by_database")
        wanted = "both" if only or differs else "sqlite" if missing else "postgresql"
    chosen = [name for name in allowed if wanted in (name, "both")]
    params = [pytest.param(name, marks=marks[name]) for name in chosen]
    metafunc.parametrize("dialect", params, indirect=True, scope="session")


def make_application(settings: Settings) -> Flask:
    """``create_app``, imported as late as this: tests of plain values do without all of it."""
    from gitlab_links.app import create_app

    return create_app(settings)


def migrate(url: str, revision: str = "head") -> None:
    """Bring a database to the newest revision, or to one before, as an operator does."""
    app = make_application(Settings(secret_key="migrating", database_url=url))
    with app.app_context():
        upgrade(directory=MIGRATIONS, revision=revision)
        db.engine.dispose()


def empty(app: Flask) -> None:
    """Delete every row. A transaction that an earlier test left open fails this, not hangs it."""
    with app.app_context(), db.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL lock_timeout = '5s'")
        for table in reversed(db.metadata.sorted_tables):
            connection.execute(table.delete())
