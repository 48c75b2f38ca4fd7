"""The migrations make the schema that the models describe, on both databases."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask_migrate import check, downgrade, upgrade
from sqlalchemy import inspect, text

from gitlab_links.config import Settings
from gitlab_links.demo.services import python
from gitlab_links.demo.supervisor import Supervisor
from gitlab_links.extensions import db
from tests.databases import MIGRATIONS, Database, make_application


@pytest.fixture
def bare_app(empty_database: Database) -> Iterator[Flask]:
    app = make_application(
        Settings(secret_key="migrating", database_url=empty_database.url, log_level="WARNING")
    )
    with app.app_context():
        yield app
        db.engine.dispose()


def table_names() -> set[str]:
    return set(inspect(db.engine).get_table_names()) - {"alembic_version"}


def test_upgrading_makes_exactly_what_the_models_describe(bare_app: Flask) -> None:
    upgrade(directory=MIGRATIONS)

    assert table_names() == set(db.metadata.tables)
    check(directory=MIGRATIONS)


def test_check_notices_a_column_that_no_migration_makes(bare_app: Flask) -> None:
    upgrade(directory=MIGRATIONS)
    with db.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE orgs DROP COLUMN task_key")

    with pytest.raises(SystemExit):
        check(directory=MIGRATIONS)


def test_downgrading_to_the_beginning_leaves_nothing(bare_app: Flask) -> None:
    upgrade(directory=MIGRATIONS)
    downgrade(directory=MIGRATIONS, revision="base")

    assert table_names() == set()

    upgrade(directory=MIGRATIONS)

    assert table_names() == set(db.metadata.tables)


def test_foreign_keys_hold_again_after_migrating(bare_app: Flask) -> None:
    upgrade(directory=MIGRATIONS)

    with db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            assert connection.scalar(text("PRAGMA foreign_keys")) == 1


def test_two_upgrades_at_once_wait_for_each_other(
    empty_database: Database, processes: Supervisor
) -> None:
    environment = {"DATABASE_URL": empty_database.url, "SECRET_KEY": "migrating"}
    upgrades = [
        processes.start(name, python("-m", "flask", "db", "upgrade"), settings=environment)
        for name in ("first", "second")
    ]

    assert [child.process.wait(60) for child in upgrades] == [0, 0], upgrades[1].tail()
