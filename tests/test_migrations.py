"""The migrations make the schema that the models describe, on both databases."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from click import ClickException
from flask import Flask
from flask_migrate import check, downgrade, migrate, upgrade
from sqlalchemy import Uuid, column, insert, inspect, select, table, text, update

from gitlab_links.accounts.models import Org
from gitlab_links.config.settings import Settings
from gitlab_links.extensions import db
from gitlab_links.links.models import GitLabItem
from gitlab_links.local.services import python
from gitlab_links.local.supervisor import Supervisor
from gitlab_links.outgoing.models import OutgoingEndpoint
from gitlab_links.search.models import SearchText
from gitlab_links.search.words import fact_word, indexed, person_word
from gitlab_links.storage.database import new_id
from gitlab_links.tasks.models import Task
from tests.databases import MIGRATIONS, Database, make_application
from tests.factories import Factory
from tests.hanging import HANGS

pytestmark = pytest.mark.differs_by_database


@pytest.fixture
def bare_app(empty_database: Database) -> Iterator[Flask]:
    yield from app_of(empty_database)


@pytest.fixture
def migrated_app(migrated_database: Database) -> Iterator[Flask]:
    yield from app_of(migrated_database)


def app_of(database: Database) -> Iterator[Flask]:
    app = make_application(
        Settings(secret_key="migrating", database_url=database.url, log_level="WARNING")
    )
    with app.app_context():
        yield app
        db.engine.dispose()


def table_names() -> set[str]:
    """Without the tables of SQLite's own index of the search."""
    names = set(inspect(db.engine).get_table_names()) - {"alembic_version"}
    return {name for name in names if not name.startswith("search_index")}


def test_upgrading_makes_exactly_what_the_models_describe(bare_app: Flask) -> None:
    upgrade(directory=MIGRATIONS)

    assert table_names() == set(db.metadata.tables)
    check(directory=MIGRATIONS)
    with db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            assert connection.scalar(text("PRAGMA foreign_keys")) == 1


def test_asking_for_a_migration_of_unchanged_models_says_that_there_is_none(
    migrated_app: Flask, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(MIGRATIONS, tmp_path / "migrations")
    before = sorted((folder / "versions").glob("*.py"))
    migrate(directory=str(folder), message="nothing")

    assert "The models have not changed" in capsys.readouterr().out
    assert sorted((folder / "versions").glob("*.py")) == before


def test_a_migration_has_the_next_number_for_a_name(migrated_app: Flask, tmp_path: Path) -> None:
    folder = shutil.copytree(MIGRATIONS, tmp_path / "migrations")
    with db.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE orgs DROP COLUMN task_key")
    before = set((folder / "versions").glob("*.py"))
    migrate(directory=str(folder), message="Say how tasks are called")

    (made,) = set((folder / "versions").glob("*.py")) - before
    assert made.name == f"{len(before) + 1:04}_say_how_tasks_are_called.py"


# Revisions after which the version before does not run any more, and why that may be.
BREAKS_THE_VERSION_BEFORE = {
    "0004": "drops a column, before the first release",
    "0022": "drops two columns, before the first release",
}


def columns() -> dict[tuple[str, str], tuple[str, bool]]:
    """Type of each column by table and name, and whether a row can be written without it."""
    ours = table_names()
    return {
        (table, column["name"]): (
            str(column["type"]),
            bool(column["nullable"]) or column["default"] is not None,
        )
        for (_, table), found in inspect(db.engine).get_multi_columns().items()
        for column in found
        if table in ours
    }


def broken_by(before: Mapping[tuple[str, str], object], now: Mapping[Any, Any]) -> set[Any]:
    """Columns that code written for ``before`` misses, finds changed or does not know to fill."""
    tables = {table for table, _ in before}
    changed = {name for name, kind in before.items() if now.get(name) != kind}
    unfilled = {
        name
        for name, (_, may_be_left_out) in now.items()
        if name not in before and name[0] in tables and not may_be_left_out
    }
    return changed | unfilled


@pytest.mark.slow
def test_the_version_before_runs_on_each_new_schema(bare_app: Flask) -> None:
    script = ScriptDirectory(MIGRATIONS)
    revisions = [found.revision for found in reversed(list(script.walk_revisions()))]
    upgrade(directory=MIGRATIONS, revision=revisions[0])
    before, breaking = columns(), set()
    for revision in revisions[1:]:
        upgrade(directory=MIGRATIONS, revision=revision)
        now = columns()
        if broken_by(before, now):
            breaking.add(revision)
        before = now

    assert breaking == set(BREAKS_THE_VERSION_BEFORE)


@pytest.mark.parametrize(
    ("now", "broken"),
    [
        ({("a", "old"): ("TEXT", True), ("a", "new"): ("TEXT", True)}, set()),
        ({("a", "old"): ("TEXT", True), ("b", "new"): ("TEXT", False)}, set()),
        ({("a", "old"): ("TEXT", True), ("a", "new"): ("TEXT", False)}, {("a", "new")}),
        ({("a", "old"): ("INTEGER", True)}, {("a", "old")}),
        ({("a", "old"): ("TEXT", False)}, {("a", "old")}),
        ({}, {("a", "old")}),
    ],
    ids=["one more", "a table more", "one to fill", "another type", "to fill now", "gone"],
)
def test_what_would_break_the_version_before_is_noticed(now: Any, broken: set[Any]) -> None:
    assert broken_by({("a", "old"): ("TEXT", True)}, now) == broken


def test_check_notices_a_column_that_no_migration_makes(migrated_app: Flask) -> None:
    with db.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE orgs DROP COLUMN task_key")

    with pytest.raises(SystemExit):
        check(directory=MIGRATIONS)


@pytest.mark.slow
def test_downgrading_to_the_beginning_leaves_nothing(migrated_app: Flask) -> None:
    downgrade(directory=MIGRATIONS, revision="base")

    assert table_names() == set()

    upgrade(directory=MIGRATIONS)

    assert table_names() == set(db.metadata.tables)


REVISION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "next", "{newest}", None, None


def upgrade():
    {change}


def downgrade():
    pass
"""
ALTER_THE_PARENT = """with op.batch_alter_table("orgs") as batch:
        batch.alter_column("name", type_=sa.String(200), existing_type=sa.String(100))"""
FAIL_HALFWAY = """op.create_table("half_made", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("SELECT * FROM no_such_table")"""
ORPHAN = 'op.execute("DELETE FROM orgs")'


@pytest.fixture
def next_revision(migrated_app: Flask, tmp_path: Path) -> Callable[[str], str]:
    """Writes a further revision into a copy of the migrations; gives the copy's folder."""

    def write(change: str) -> str:
        folder = tmp_path / "migrations"
        shutil.copytree(MIGRATIONS, folder)
        (newest,) = ScriptDirectory(MIGRATIONS).get_heads()
        text = REVISION.format(newest=newest, change=change)
        (folder / "versions" / "next.py").write_text(text)
        return str(folder)

    return write


def org_with_a_task() -> None:
    org = Org(name="Acme", task_key="ACME")
    db.session.add(org)
    db.session.flush()
    db.session.add(Task(org_id=org.id, number=1, title="Stay"))
    db.session.commit()


def test_altering_a_table_keeps_what_refers_to_it(next_revision: Callable[[str], str]) -> None:
    org_with_a_task()

    upgrade(directory=next_revision(ALTER_THE_PARENT))

    assert db.session.scalars(select(Task.title)).all() == ["Stay"]


def test_a_migration_that_fails_leaves_no_half_of_it(next_revision: Callable[[str], str]) -> None:
    with pytest.raises(ClickException, match="no_such_table"):
        upgrade(directory=next_revision(FAIL_HALFWAY))

    assert "half_made" not in table_names()


@pytest.mark.only_on("sqlite")
def test_a_migration_that_leaves_orphans_is_undone(
    next_revision: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    org_with_a_task()

    with pytest.raises(SystemExit):
        upgrade(directory=next_revision(ORPHAN))

    assert "rows that refer to nothing after migrating: search_texts, tasks" in caplog.text

    assert db.session.scalars(select(Org.name)).all() == ["Acme"]


@pytest.mark.processes
def test_two_upgrades_at_once_wait_for_each_other(
    empty_database: Database, processes: Supervisor
) -> None:
    environment = {"DATABASE_URL": empty_database.url, "SECRET_KEY": "only for migrating"}
    upgrades = [
        processes.start(name, python("-m", "flask", "db", "upgrade"), settings=environment)
        for name in ("first", "second")
    ]

    assert [child.process.wait(2 * HANGS) for child in upgrades] == [0, 0], upgrades[1].tail()


def test_addresses_for_health_alerts_become_endpoints_that_can_be_read(
    empty_database: Database, encryption_key: str
) -> None:
    from gitlab_links.outgoing.signatures import URL, unseal
    from gitlab_links.security import cipher

    app = make_application(
        Settings(
            secret_key="migrating",
            database_url=empty_database.url,
            encryption_keys=(encryption_key,),
            log_level="WARNING",
        )
    )
    with app.app_context():
        script = ScriptDirectory(MIGRATIONS)
        becoming = next(
            found for found in script.walk_revisions() if "health alerts are endp" in found.doc
        )
        upgrade(directory=MIGRATIONS, revision=becoming.down_revision)
        sealed = {}
        for name, address in (("A", "https://chat.example.com/x"), ("B", "ops@example.com")):
            org_id = new_id()
            # Not the model: it may have columns that come later.
            made = {"id": org_id, "name": name, "task_key": name, "last_task_number": 0}
            db.session.execute(
                insert(table("orgs", column("id", Uuid), *map(column, [*made, "created_at"][1:]))),
                {**made, "created_at": "2026-11-29 12:00:00"},
            )
            sealed[org_id] = address
            db.session.execute(
                text(
                    "INSERT INTO org_gitlab_integrations (id, org_id, failures, created_at, "
                    "updated_at, notify_url_ciphertext, notify_url_host) "
                    "SELECT id, id, 0, created_at, created_at, :sealed, :host FROM orgs "
                    "WHERE name = :name"
                ),
                {
                    "name": name,
                    "host": address.removeprefix("https://").removesuffix("/x"),
                    "sealed": cipher().encrypt(
                        address, org_id=org_id, origin="", purpose="notify-url"
                    ),
                },
            )
        db.session.commit()
        upgrade(directory=MIGRATIONS)
        rows = db.session.scalars(select(OutgoingEndpoint)).all()
        assert {row.org_id: row.format for row in rows} == dict(
            zip(sealed, ("chat", "email"), strict=True)
        )
        for row in rows:
            assert unseal(row.url_ciphertext, row.org_id, row.id, URL) == sealed[row.org_id]
            assert row.types == ["connection.health_changed"]
        db.session.remove()
        db.engine.dispose()


def test_people_are_found_in_any_case_from_the_upgrade_on(bare_app: Flask) -> None:
    upgrade(directory=MIGRATIONS)
    factory = Factory(bare_app)
    project = factory.gitlab_project(factory.org())
    ann, bob = {"username": "Ann.B", "name": "Ann"}, {"username": "bob", "name": "Bob B"}
    item = factory.gitlab_item(project, assignees=[ann, bob], author=ann)
    kept = select(SearchText.words).where(SearchText.item_id == item.id)
    in_lower_case = {person_word(role, "Ann.B") for role in ("assignee", "author")}
    as_given = {fact_word(role, "Ann.B") for role in ("assignee", "author")}
    now = set((db.session.scalar(kept) or "").split())
    assert in_lower_case <= now
    of_before = indexed(now - in_lower_case | as_given)
    db.session.execute(update(SearchText).values(words=of_before))
    db.session.commit()
    downgrade(directory=MIGRATIONS, revision=_before("in upper or lower case"))
    upgrade(directory=MIGRATIONS)

    assert set((db.session.scalar(kept) or "").split()) == now | as_given


def _before(doc: str) -> str:
    revisions = ScriptDirectory(MIGRATIONS).walk_revisions()
    found: Any = next(one for one in revisions if doc in one.doc)
    return str(found.down_revision)


@pytest.mark.slow
def test_merge_requests_are_approved_from_the_upgrade_on(bare_app: Flask) -> None:
    upgrade(directory=MIGRATIONS)
    factory = Factory(bare_app)
    project = factory.gitlab_project(factory.org())
    for title, re_requested in (("Approved", False), ("To review", True)):
        reviews = [{"username": "ann", "state": "approved", "re_requested": re_requested}]
        facts = {"type": "merge_request", "state": "opened", "reviews": reviews}
        factory.gitlab_item(project, title=title, **facts)
    downgrade(directory=MIGRATIONS, revision=_before("request is approved"))
    upgrade(directory=MIGRATIONS)

    assert db.session.scalars(select(GitLabItem.title).where(GitLabItem.approved)).all() == [
        "Approved"
    ]
