"""What is exported is imported elsewhere as an equal org, all but the secrets."""

import csv
import gzip
import io
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import JSON, insert, select

from gitlab_links.accounts.models import Membership, Org, User
from gitlab_links.accounts.roles import Role
from gitlab_links.config.settings import Settings
from gitlab_links.events.models import Event
from gitlab_links.extensions import db
from gitlab_links.org_data import values
from gitlab_links.org_data.files import cells, json_lines
from gitlab_links.org_data.importing import NotAnExport, OrgIsHere, import_org
from gitlab_links.org_data.tables import (
    LEFT_OUT,
    NOT_EXPORTED,
    exported_columns,
    exported_tables,
)
from gitlab_links.storage.database import Base, new_id
from gitlab_links.tasks.models import Task
from tests import databases
from tests.api.callers import browser, program
from tests.conftest import CreateDatabase
from tests.factories import Factory
from tests.per_dialect import PerDialect

SECRET = ("hash", "ciphertext", "password", "secret")


@pytest.fixture
def elsewhere(
    app: Flask,
    settings: Settings,
    dialect: str,
    per_dialect: PerDialect,
    create_database: CreateDatabase,
) -> Flask:
    """Another installation, with an empty database and a key of its own."""

    def make() -> Flask:
        url = create_database(dialect).url
        databases.migrate(url)
        return databases.make_application(
            replace(settings, database_url=url, secret_key="another key of another place")
        )

    other = per_dialect.once(("elsewhere", dialect), make)
    databases.empty(other)
    return other


@pytest.fixture
def org(app: Flask, factory: Factory) -> Org:
    """With something of everything, made as people and programs make it."""
    org = factory.org(name="Acme Rockets", task_key="ACME")
    factory.connect(org, base_url="https://gitlab.example.com", token="glpat-x")
    admin = browser(app, factory.membership(org, Role.ADMIN).user_id)
    base = f"/api/orgs/{org.id}"
    task = admin.post(f"{base}/tasks", json={"title": "=HYPERLINK(1)", "description": "Ünï\n"})
    url = "https://gitlab.example.com/acme/press/-/merge_requests/4"
    linked = admin.post(f"{base}/tasks/{task.json['task']['id']}/gitlab-links", json={"url": url})
    assert linked.status_code == 201
    admin.patch(base, json={"task_key": "SPACE"})
    view = {"name": "Mine", "filter": {"assignee": "me"}}
    assert admin.post(f"{base}/task-views", json=view).status_code == 201
    service = factory.service_account(org)
    admin.post(
        f"{base}/service-accounts/{service.id}/api-keys", json={"name": "x", "scopes": ["write"]}
    )
    leaver = factory.user(name="Lea Ver", email="lea@example.com")
    factory.membership(org, Role.ADMIN, leaver)
    browser(app, leaver.id).post(f"{base}/tasks", json={"title": "By somebody who left"})
    browser(app, leaver.id).post(f"{base}/leave")
    factory.task(factory.org(), title="Of another org")
    return org


def exported(app: Flask, org: Org) -> list[bytes]:
    with app.app_context():
        return list(json_lines(org.id))


def rows(lines: list[bytes]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for line in lines[1:-1]:
        entry = json.loads(line)
        if entry["row"].get("action") != "org.imported":
            found.setdefault(entry["table"], []).append(entry["row"])
    return found


def imported(app: Flask, lines: list[bytes], name: str | None = None) -> Any:
    with app.app_context():
        done = import_org(lines, name)
        db.session.commit()
    return done


@pytest.mark.differs_by_database
def test_an_org_is_equal_in_another_installation(app: Flask, elsewhere: Flask, org: Org) -> None:
    lines = exported(app, org)
    done = imported(elsewhere, lines)
    before, after = rows(lines), rows(exported(elsewhere, org))
    for people in (before["users"], after["users"]):
        for one in people:
            one["email"] = one["email"] or ""
    assert after == before
    assert done.rows["tasks"] == 2
    assert {"events", "task_gitlab_links", "former_task_keys", "saved_views"} <= before.keys()


@pytest.mark.differs_by_database
def test_an_org_is_imported_beside_others_and_found_there(
    app: Flask, elsewhere: Flask, org: Org
) -> None:
    there = Factory(elsewhere)
    there.task(there.org(), title="Here before")
    *lines, end = exported(app, org)
    # An export of a version before had the words that are searched.
    words = {"table": "search_texts", "row": {"id": 1, "org_id": str(org.id), "words": "x"}}
    counts = {**json.loads(end)["end"], "search_texts": 1}
    imported(elsewhere, [*lines, *(json.dumps(one).encode() for one in (words, {"end": counts}))])
    there.task(there.org(), title="Here behind")
    with elsewhere.app_context():
        admin = db.session.scalars(
            select(Membership.user_id).where(
                Membership.org_id == org.id, Membership.role == "admin"
            )
        ).first()
    assert admin is not None
    found = browser(elsewhere, admin).get(f"/api/orgs/{org.id}/tasks?q=somebody")
    assert [one["title"] for one in found.json["tasks"]] == ["By somebody who left"]


def test_there_is_no_secret_and_nothing_of_another_org_in_it(app: Flask, org: Org) -> None:
    text = b"".join(exported(app, org)).decode()
    for word in ("glpat-x", "Of another org", "glk_", "password_hash"):
        assert word not in text
    [leaver] = [one for one in rows(exported(app, org))["users"] if one["name"] == "Lea Ver"]
    assert leaver["email"] is None


@pytest.mark.differs_by_database
def test_every_table_and_every_secret_was_thought_of(app: Flask) -> None:
    known = {table.name for table in exported_tables()} | NOT_EXPORTED.keys()
    assert known == set(Base.metadata.tables)
    for table in exported_tables():
        named = {column.name for column in exported_columns(table)}
        assert not {one for one in named for word in SECRET if word in one}, table.name
        assert LEFT_OUT.get(table.name, set()) <= set(table.c.keys()), table.name
        for column in set(table.c) - set(exported_columns(table)):
            assert column.nullable or column.default or column.server_default, column


def test_people_with_an_account_there_keep_it(app: Flask, elsewhere: Flask, org: Org) -> None:
    there = Factory(elsewhere)
    lines = exported(app, org)
    [email] = [
        one["email"]
        for one in rows(lines)["users"]
        if one["email"] and "service" not in one["email"] and one["name"] == _admin(lines)["name"]
    ]
    known = there.user(email=email, name="Their own name")
    imported(elsewhere, lines, "Acme Two")
    with elsewhere.app_context():
        found = db.session.scalars(select(Membership).filter_by(user_id=known.id)).one()
        assert found.role == "admin"
        assert db.session.get_one(User, known.id).name == "Their own name"
        assert db.session.get_one(Org, org.id).name == "Acme Two"


def _admin(lines: list[bytes]) -> dict[str, Any]:
    found = rows(lines)
    admins = {one["user_id"] for one in found["memberships"] if one["role"] == "admin"}
    return next(one for one in found["users"] if one["id"] in admins)


@pytest.mark.differs_by_database
def test_an_org_is_imported_once(app: Flask, elsewhere: Flask, org: Org) -> None:
    lines = exported(app, org)
    with app.app_context(), pytest.raises(OrgIsHere):
        import_org(lines)
    Factory(elsewhere).org(name="ACME rockets")
    with elsewhere.app_context(), pytest.raises(OrgIsHere, match="--name"):
        import_org(lines)


def _foreign_org(lines: list[bytes]) -> list[bytes]:
    stranger = str(new_id()).encode()
    org_id = json.loads(lines[0])["org_id"].encode()
    at = next(n for n, line in enumerate(lines) if b'"table":"tasks"' in line)
    return [*lines[:at], lines[at].replace(org_id, stranger), *lines[at + 1 :]]


def _foreign_task(lines: list[bytes]) -> list[bytes]:
    def change(line: bytes) -> bytes:
        entry = json.loads(line)
        if entry.get("table") == "task_gitlab_links":
            entry["row"]["task_id"] = str(new_id())
        return json.dumps(entry).encode()

    return [change(line) for line in lines]


def refusal(elsewhere: Flask, lines: list[bytes]) -> str:
    """Why nothing of the file is imported; empty if all of it would be."""
    with elsewhere.app_context():
        try:
            import_org(lines)
        except NotAnExport as error:
            said = str(error)
        else:
            said = ""
        db.session.rollback()
        assert db.session.scalars(select(Org)).all() == []
    return said


BREAKING: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "incomplete": lambda lines: lines[:-1],
    "Line": lambda lines: [lines[0], *lines[2:]],
    "no file of": lambda lines: lines[1:],
    "not JSON": lambda _: [b"{"],
    "no table": lambda lines: [lines[0], b'{"table": "login_sessions", "row": {}}'],
    "no table []": lambda lines: [lines[0], b'{"table": [], "row": {}}'],
    "no column": lambda lines: [lines[0], b'{"table": "orgs", "row": {"shoe": 1}}'],
    "another org": _foreign_org,
    "leads to nothing": _foreign_task,
}


def test_a_broken_file_imports_nothing(app: Flask, elsewhere: Flask, org: Org) -> None:
    whole = exported(app, org)
    said = {why: refusal(elsewhere, break_it(whole)) for why, break_it in BREAKING.items()}
    assert {why: found for why, found in said.items() if why not in found} == {}


def _changed(lines: list[bytes], table: str, column: str, value: Any) -> list[bytes]:
    def change(line: bytes) -> bytes:
        entry = json.loads(line)
        if entry.get("table") == table and entry["row"].get(column) is not None:
            entry["row"][column] = value
        return json.dumps(entry).encode()

    return [change(line) for line in lines]


UNWRITTEN: list[tuple[str, str, Any, str]] = [
    ("memberships", "role", "owner", "no word"),
    ("tasks", "status", "lost", "no word"),
    ("events", "type", "task.sung", "no word"),
    ("events", "url", "javascript:alert(1)", "no address"),
    ("org_gitlab_integrations", "base_url", "file:///etc/passwd", "no address"),
    ("tasks", "number", 2**40, "no such number"),
    ("tasks", "number", "one", "no such number"),
    ("tasks", "number", True, "no such number"),
    ("tasks", "number", 1, "twice in the file"),
    ("tasks", "title", ["a"], "no text"),
    ("tasks", "title", "a" * 256, "too long"),
    ("tasks", "title", "a\0", "no text"),
    ("tasks", "title", None, "title is missing"),
    ("tasks", "id", "seven", "no id"),
    ("tasks", "created_at", "soon", "no time"),
    ("tasks", "created_at", "2026-01-01T00:00:00", "created_at is a time without a zone"),
    ("tasks", "created_at", "2026-01-01", "created_at is a time without a zone"),
    ("tasks", "created_at", "0001-01-01T00:00:00+14:00", "no time"),
    ("tasks", "created_at", "9999-12-31T23:59:59-12:00", "no time"),
    ("users", "email", {"a": 1}, "no text"),
    ("users", "name", None, "name is missing"),
    ("gitlab_items", "draft", "no", "neither true nor false"),
    ("gitlab_items", "labels", 5, "labels is no list of objects"),
    ("gitlab_items", "labels", ["bug"], "labels is no list of objects"),
    ("gitlab_items", "assignees", {"username": "ada"}, "assignees is no list of objects"),
    ("events", "changes", ["title"], "changes is no object"),
    ("audit_events", "detail", {"a": [{"b": "\0"}]}, "no text that can be stored"),
]


def test_what_the_service_would_not_write_is_not_imported(
    app: Flask, elsewhere: Flask, org: Org
) -> None:
    """A role that is unknown would shut its owner out of every page, also of other orgs."""
    whole, wrong = exported(app, org), []
    for table, column, value, why in UNWRITTEN:
        said = refusal(elsewhere, _changed(whole, table, column, value))
        if why not in said:
            wrong.append((table, column, value, said))
    assert wrong == []


def test_it_is_known_what_each_value_of_several_parts_is_made_of() -> None:
    columns = [column for table in exported_tables() for column in exported_columns(table)]
    parts = {str(column) for column in columns if isinstance(column.type, JSON)}
    assert parts == values.SHAPES.keys()


@pytest.mark.differs_by_database
def test_events_name_the_accounts_that_people_have_there(
    app: Flask, elsewhere: Flask, org: Org
) -> None:
    there = Factory(elsewhere)
    lines = exported(app, org)
    own = [one for one in rows(lines)["users"] if one["email"] and not one["service_of_id"]]
    known = {one["id"]: there.user(email=one["email"]).id for one in own}
    before = rows(lines)["events"]
    imported(elsewhere, lines)
    with elsewhere.app_context():
        after = {str(one.id): one.actor_user_id for one in db.session.scalars(select(Event))}
    of_known = [one for one in before if one["actor_user_id"] in known]
    assert of_known
    assert all(after[one["id"]] == known[one["actor_user_id"]] for one in of_known)


def test_the_commands_write_and_read_a_file(
    app: Flask, elsewhere: Flask, org: Org, tmp_path: Path
) -> None:
    file = tmp_path / "acme.jsonl.gz"
    done = app.test_cli_runner().invoke(args=["export-org", str(org.id), str(file)])
    assert done.exit_code == 0, done.output
    done = elsewhere.test_cli_runner().invoke(args=["import-org", str(file)])
    assert "Imported Acme Rockets" in done.output
    again = elsewhere.test_cli_runner().invoke(args=["import-org", str(file)])
    assert (again.exit_code, "already" in again.output) == (1, True)
    file.write_bytes(file.read_bytes()[:60])
    cut = elsewhere.test_cli_runner().invoke(args=["import-org", str(file)])
    assert (cut.exit_code, "marker was reached. Nothing" in cut.output) == (1, True)
    unknown = app.test_cli_runner().invoke(args=["export-org", str(new_id()), str(tmp_path / "x")])
    assert unknown.exit_code == 1
    assert not (tmp_path / "x").exists()


def test_the_commands_write_and_read_what_the_shell_redirects(
    app: Flask, elsewhere: Flask, org: Org
) -> None:
    runner = elsewhere.test_cli_runner()
    done = app.test_cli_runner().invoke(args=["export-org", str(org.id), "-"])
    assert done.exit_code == 0, done.output
    for sent in (done.stdout_bytes, gzip.compress(done.stdout_bytes)):
        cut = runner.invoke(args=["import-org", "-"], input=sent[:60])
        assert cut.exit_code == 1
        assert "Nothing was imported" in cut.output
    taken = runner.invoke(args=["import-org", "-"], input=gzip.compress(done.stdout_bytes))
    assert "Imported Acme Rockets" in taken.output
    again = runner.invoke(args=["import-org", "-"], input=done.stdout_bytes)
    assert (again.exit_code, "already" in again.output) == (1, True)


def test_the_page_sends_lines_and_csv_and_the_log_says_so(
    app: Flask, factory: Factory, org: Org
) -> None:
    admin = browser(app, factory.membership(org, Role.ADMIN).user_id)
    path = f"/orgs/{org.id}/settings/export"
    packed = admin.post(path, data={"format": "jsonl"})
    assert "attachment" in packed.headers["Content-Disposition"]
    assert len(rows(gzip.decompress(packed.data).splitlines())["tasks"]) == 2
    archive = zipfile.ZipFile(io.BytesIO(admin.post(path, data={"format": "csv"}).data))
    text = archive.read("tasks.csv").decode("utf-8-sig")
    titles = [row["title"] for row in csv.DictReader(io.StringIO(text))]
    assert titles == ["'=HYPERLINK(1)", "By somebody who left"]
    assert admin.post(path, data={"format": "exe"}).status_code == 404
    assert "Exported everything" in admin.get(f"/orgs/{org.id}/audit").text
    manager = browser(app, factory.membership(org, Role.PM).user_id)
    assert manager.post(path, data={"format": "jsonl"}).status_code == 403
    key = program(app, factory.api_key(org))
    assert key.post(path, data={"format": "jsonl"}).status_code in {302, 401}


@given(st.one_of(st.text(), st.integers(), st.none(), st.booleans(), st.lists(st.text())))
def test_no_cell_is_a_formula(value: Any) -> None:
    [cell] = cells([value])
    if isinstance(value, int) and not isinstance(value, bool):
        return
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


@pytest.mark.slow
def test_memory_does_not_grow_with_the_org(app: Flask, factory: Factory) -> None:
    def peak(tasks: int) -> int:
        org = factory.org()
        with app.app_context():
            made = [
                {"org_id": org.id, "number": n, "title": "x" * 200, "description": "y" * 500}
                for n in range(1, tasks + 1)
            ]
            db.session.execute(insert(Task), made)
            db.session.commit()
            del made
            tracemalloc.start()
            count = sum(1 for _ in json_lines(org.id))
            found = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert count == tasks + 3
        return found

    small, large = peak(2_000), peak(8_000)
    assert large < small * 1.5
