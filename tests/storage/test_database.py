"""Columns, keys and connections: the same on both databases, and safe under several processes."""

import multiprocessing
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, StatementError

from gitlab_links.accounts.models import Org
from gitlab_links.app import create_app
from gitlab_links.config.settings import Settings
from gitlab_links.extensions import db
from gitlab_links.rule_states.models import OrgRules
from gitlab_links.storage.database import (
    engine_options,
    insert_and_lock,
    insert_unless_exists,
    new_id,
)
from gitlab_links.tasks.models import Task

pytestmark = pytest.mark.differs_by_database

MOMENT = datetime(2026, 5, 1, 12, 30, 15, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))


def test_an_instant_comes_back_aware_in_utc_whatever_its_offset_was(factory, app_context):
    org = factory.org(created_at=MOMENT)
    found = db.session.get(Org, org.id, populate_existing=True).created_at
    assert found == MOMENT
    assert found.utcoffset() == timedelta(0)


def test_instants_compare_in_sql_across_offsets(factory, app_context):
    factory.org(created_at=MOMENT)
    for moment, found in [(MOMENT.astimezone(UTC), 1), (MOMENT - timedelta(seconds=1), 0)]:
        assert db.session.query(Org).filter(Org.created_at <= moment).count() == found


def test_a_naive_time_is_no_instant(factory, app_context):
    with pytest.raises(StatementError, match="naive"):
        factory.org(created_at=datetime(2026, 5, 1))  # noqa: DTZ001


def test_ids_are_version_7_and_sort_by_when_they_were_made():
    ids = [new_id() for _ in range(2000)]
    assert {(one.version, one.variant) for one in ids} == {(7, uuid.RFC_4122)}
    assert len(set(ids)) == 2000
    stamps = [one.int >> 80 for one in ids]
    assert stamps == sorted(stamps)


def test_foreign_keys_are_enforced(app_context):
    db.session.add(Task(org_id=uuid.uuid4(), number=1, title="No org"))
    with pytest.raises(IntegrityError):
        db.session.commit()


def test_a_row_is_inserted_with_its_defaults_and_then_found(factory, app_context):
    key = {"org_id": factory.org().id}
    made = insert_and_lock(db.session, OrgRules, key, wait_seconds=60)
    assert (made.mode, made.branches, made.started, made.wait_seconds) == ("off", [], True, 60)
    db.session.commit()
    again = insert_and_lock(db.session, OrgRules, key, wait_seconds=90)
    assert (again, again.wait_seconds) == (made, 60)


def test_a_row_of_the_same_key_is_passed_over_and_no_other_conflict_is(factory, app_context):
    org = factory.org()
    values = {"org_id": org.id, "number": 1, "title": "One", "description": "", "status": "open"}
    values |= {"created_at": MOMENT, "updated_at": MOMENT}
    first = insert_unless_exists(db.session, Task, values, "org_id", "number")
    assert first is not None
    assert insert_unless_exists(db.session, Task, values, "org_id", "number") is None
    db.session.commit()
    with pytest.raises(IntegrityError):
        insert_unless_exists(
            db.session, Task, {**values, "number": 2, "id": first}, "org_id", "number"
        )
    db.session.rollback()


@pytest.mark.only_on("postgresql")
def test_a_connection_that_was_cut_in_the_pool_is_replaced_unnoticed(app):
    with app.app_context():
        db.engine.dispose()
        held = [db.engine.connect() for _ in range(3)]
        for connection in held:
            connection.execute(text("SELECT 1"))
            connection.close()
        with db.engine.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        for _ in range(4):
            with db.engine.connect() as connection:
                assert connection.execute(text("SELECT 1")).scalar() == 1


@pytest.mark.shipped_limits
def test_a_server_that_vanished_is_given_up_on_in_seconds():
    arguments = engine_options("postgresql+psycopg://user@host/name")["connect_args"]
    assert arguments["connect_timeout"] <= 5
    silence = arguments["keepalives_idle"] + (
        arguments["keepalives_interval"] * arguments["keepalives_count"]
    )
    assert silence <= 30
    assert arguments["tcp_user_timeout"] <= 30_000


def count_up(url, times):
    """In a process of its own: read, then write what was read plus one."""
    app = create_app(Settings(secret_key="counting", database_url=url, database_timeout=20))
    for _ in range(times):
        with app.app_context():
            query = "SELECT number FROM tasks"
            query += "" if db.engine.dialect.name == "sqlite" else " FOR UPDATE"
            number = db.session.execute(text(query)).scalar_one()
            db.session.execute(text("UPDATE tasks SET number = :n"), {"n": number + 1})
            db.session.commit()


@pytest.mark.slow
def test_processes_that_write_at_once_lose_nothing_and_never_find_it_locked(app, factory, settings):
    factory.task(factory.org(), number=0)
    with app.app_context():
        db.engine.dispose()
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=count_up, args=(settings.database_url, 60)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    with app.app_context():
        assert db.session.execute(text("SELECT number FROM tasks")).scalar() == 240
