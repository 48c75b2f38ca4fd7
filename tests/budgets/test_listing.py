"""Listing links takes a fixed number of statements, and writes nothing."""

import re

import pytest

from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db
from tests.api.callers import browser, program
from tests.plans import prefer_indexes
from tests.statements import built_statements, statements

pytestmark = pytest.mark.differs_by_database

SIZES = (1, 20, 100)


@pytest.fixture
def org(factory):
    org = factory.org()
    factory.integration(org, token_ciphertext="of no use, but there")
    return org


@pytest.fixture
def project(factory, org):
    return factory.gitlab_project(org)


@pytest.fixture
def member(app, factory, org):
    return browser(app, factory.membership(org).user_id)


@pytest.fixture
def key(app, factory, org):
    return program(app, factory.api_key(org))


def sqlite_plan(app, sent):
    """How SQLite goes about one of ``statements``."""
    statement, parameters = sent
    with app.app_context(), db.engine.connect() as connection:
        return str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all())


def read(caller, org, task, expected):
    answer = caller.get(f"/api/orgs/{org.id}/tasks/{task}/gitlab-links?limit=100")
    assert len(answer.json["links"]) == expected


@pytest.mark.parametrize(("who", "budget"), [("member", 3), ("key", 3)])
def test_the_number_of_links_does_not_change_the_number_of_statements(
    request, app, org, project, link_many, who, budget
):
    caller = request.getfixturevalue(who)
    tasks = {size: link_many(org, project, size) for size in SIZES}
    read(caller, org, tasks[1], 1)  # the first use of a key is noted
    counts = {}
    for size, task in tasks.items():
        with statements(app) as sent:
            read(caller, org, task, size)
        counts[size] = len(sent)
    assert counts == dict.fromkeys(SIZES, budget)


@pytest.mark.parametrize("who", ["member", "key"])
def test_the_statements_of_a_list_are_built_once_and_not_for_each_request(
    request, app, org, project, link_many, who
):
    caller = request.getfixturevalue(who)
    task = link_many(org, project, 2)
    read(caller, org, task, 2)  # the first use of a key is noted
    with built_statements(app) as first:
        read(caller, org, task, 2)
    with built_statements(app) as second:
        read(caller, org, task, 2)
    assert len(first) == 3
    assert all(one is other for one, other in zip(first, second, strict=True))


def test_reading_stale_links_writes_nothing_and_triggers_once(
    app, org, project, link_many, key, redis
):
    task = link_many(org, project, 100, stale=True)
    read(key, org, task, 100)
    redis.flushdb()
    with statements(app) as sent:
        read(key, org, task, 100)
        read(key, org, task, 100)
    assert {statement.split()[0] for statement, _ in sent} == {"SELECT"}
    assert redis.llen("rq:queue:fetches") == 1


def test_the_page_of_a_task_takes_as_many_statements_for_one_link_as_for_fifty(
    app, org, project, link_many, member
):
    counts = set()
    for size in (1, 50):
        task = link_many(org, project, size)
        with statements(app) as sent:
            assert member.get(f"/orgs/{org.id}/tasks/{task}").status_code == 200
        counts.add(len(sent))
    (count,) = counts
    assert count <= 11


def test_most_statements_of_the_page_of_a_task_are_built_once(app, org, project, link_many, member):
    task = link_many(org, project, 2)
    page = f"/orgs/{org.id}/tasks/{task}"
    member.get(page)
    with built_statements(app) as first:
        member.get(page)
    with built_statements(app) as second:
        member.get(page)
    assert sum(one is not other for one, other in zip(first, second, strict=True)) <= 3


# PostgreSQL plans by the size of a table, and reads small ones whole.
@pytest.mark.only_on("sqlite")
def test_on_sqlite_the_links_of_a_task_are_found_without_reading_those_of_the_org(
    app, org, project, link_many, key
):
    task = link_many(org, project, 3)
    with statements(app) as sent:
        read(key, org, task, 3)
    plan = sqlite_plan(app, next(one for one in sent if "FROM task_gitlab_links" in one[0]))
    assert "(task_id=?)" in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize(
    ("query", "table", "searched"),
    [
        (
            "tasks?external_url=https://tracker.example.com/4711",
            "tasks",
            ["ix_tasks_by_external_url (org_id=? AND external_url=?)"],
        ),
        (
            "gitlab-links?updated_since=2026-05-01T12:00:00Z",
            "task_gitlab_links",
            ["(org_id=? AND created_at>?)", "(org_id=? AND changed_at>?)"],
        ),
    ],
)
def test_on_sqlite_a_filter_reads_what_it_finds_alone(app, org, key, query, table, searched):
    with statements(app) as sent:
        assert key.get(f"/api/orgs/{org.id}/{query}").status_code == 200
    plan = sqlite_plan(app, next(one for one in sent if f"FROM {table}" in one[0]))
    assert all(one in plan for one in searched), plan
    assert not re.search(r"SCAN (tasks|task_gitlab_links|gitlab_items)\b", plan)


@pytest.mark.only_on("sqlite")
def test_on_sqlite_what_waits_is_counted_without_reading_all_items(app, org, member):
    with statements(app) as sent:
        assert member.get(f"/orgs/{org.id}/overview").status_code == 200
    plan = sqlite_plan(app, next(one for one in sent if "waits_on LIKE" in one[0]))
    assert "ix_gitlab_items_waiting" in plan


def test_the_audit_log_probes_its_index_for_each_person(app, factory, org, dialect):
    admin = browser(app, factory.membership(org, Role.ADMIN).user_id)
    with statements(app) as sent:
        assert admin.get(f"/orgs/{org.id}/audit").status_code == 200
    (statement, parameters) = next(one for one in sent if "ORDER BY users.name" in one[0])
    explain = "EXPLAIN QUERY PLAN" if dialect == "sqlite" else "EXPLAIN"
    with app.app_context(), db.engine.connect() as connection:
        prefer_indexes(connection, "audit_events", "users")
        plan = str(connection.exec_driver_sql(f"{explain} {statement}", parameters).all())
    assert "ix_audit_events_org_id_actor_user_id_id" in plan
    assert "Join" not in plan
    assert "SubPlan" in plan or "CORRELATED" in plan


@pytest.mark.only_on("sqlite")
def test_on_sqlite_removed_mentions_are_found_by_their_org(app, factory, org):
    admin = browser(app, factory.membership(org, Role.ADMIN).user_id)
    with statements(app) as sent:
        assert admin.get(f"/orgs/{org.id}/gitlab/mentions").status_code == 200
    plan = sqlite_plan(app, next(one for one in sent if "FROM dismissed_mentions" in one[0]))
    assert "ix_dismissed_mentions_org_id_id" in plan
