"""Tasks over the API."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role, Scope
from gitlab_links.extensions import db
from gitlab_links.tasks.models import Task
from tests.api.callers import Caller, program
from tests.factories import Factory


def test_a_task_is_made_shown_changed_and_deleted(admin: Caller, base: str) -> None:
    made = admin.post(
        f"{base}/tasks", json={"title": "Ship", "external_url": "https://a.example/1"}
    )
    assert made.status_code == 201
    task, where = made.json["task"], made.headers["Location"]
    assert where == f"{base}/tasks/{task['id']}"
    assert (task["reference"], task["status"], task["description"]) == ("ACME-1", "open", "")
    assert task["created_at"].endswith("Z")
    assert admin.get(where).json == {"task": task}

    changed = admin.patch(where, json={"status": "done", "external_url": None}).json["task"]
    assert (changed["status"], changed["external_url"], changed["title"]) == ("done", None, "Ship")
    assert changed["updated_at"] > task["updated_at"]

    assert (admin.delete(where).status_code, admin.delete(where).status_code) == (204, 404)
    assert admin.get(where).status_code == 404


def test_references_are_never_used_twice(admin: Caller, base: str) -> None:
    def make() -> str:
        return str(admin.post(f"{base}/tasks", json={"title": "x"}).json["task"]["reference"])

    first = admin.post(f"{base}/tasks", json={"title": "x"})
    admin.delete(first.headers["Location"])
    assert [make(), make()] == ["ACME-2", "ACME-3"]


def test_a_new_key_renames_all_references(admin: Caller, base: str) -> None:
    task = admin.post(f"{base}/tasks", json={"title": "x"}).headers["Location"]
    admin.patch(base, json={"task_key": "NEW"})
    assert admin.get(task).json["task"]["reference"] == "NEW-1"


@pytest.mark.parametrize("limit", [0, 201, 10**22, 10**99])
def test_a_limit_out_of_range_is_refused_with_the_range(
    admin: Caller, base: str, limit: int
) -> None:
    refused = admin.get(f"{base}/tasks?limit={limit}")
    assert refused.status_code == 422
    (words,) = refused.json["errors"]["limit"]
    assert "less than or equal to 200" in words


@pytest.mark.parametrize(
    ("sort", "wanted"),
    [
        ("created_at", ["B", "c", "a", "C"]),
        ("-created_at", ["C", "a", "c", "B"]),
        ("title", ["a", "B", "c", "C"]),
        ("-title", ["C", "c", "B", "a"]),
        ("due", ["a", "c", "B", "C"]),
        ("updated_at", ["c", "a", "C", "B"]),
        ("-updated_at", ["B", "C", "a", "c"]),
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 200])
def test_pages_hold_every_task_once_in_every_order(
    admin: Caller, base: str, sort: str, wanted: list[str], limit: int
) -> None:
    paths = [
        admin.post(f"{base}/tasks", json={"title": title, "due_date": due}).headers["Location"]
        for title, due in zip("BcaC", (None, "2026-05-02", "2026-05-01", None), strict=True)
    ]
    admin.patch(paths[0], json={"status": "done"})

    seen, query = [], f"sort={sort}"
    while True:
        page = admin.get(f"{base}/tasks?limit={limit}&{query}").json
        assert len(page["tasks"]) <= limit
        seen += page["tasks"]
        if page["next_cursor"] is None:
            break
        query = f"cursor={page['next_cursor']}"
    assert [task["title"] for task in seen] == wanted
    assert len({task["id"] for task in seen}) == 4


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("q=release", ["Release notes", "Ship"]),
        ("q=RELEASE", ["Release notes", "Ship"]),
        ("q=100%25", ["100% done"]),
        ("q=_", []),
        ("q=acme-2", ["Ship"]),
        ("q=%20&label=&person=%20", ["100% done", "Release notes", "Ship"]),
        ("status=done", ["100% done"]),
        ("status=done&q=release", []),
    ],
)
def test_tasks_are_found(admin: Caller, base: str, query: str, wanted: list[str]) -> None:
    for new in (
        {"title": "Release notes"},
        {"title": "Ship", "description": "the release"},
        {"title": "100% done", "status": "done"},
    ):
        admin.post(f"{base}/tasks", json=new)
    found = admin.get(f"{base}/tasks?sort=title&{query}").json["tasks"]
    assert sorted(task["title"] for task in found) == sorted(wanted)


def test_a_client_reads_tasks_and_not_their_links(app: Flask, factory: Factory, org: Org) -> None:
    guest = program(app, factory.api_key(org, role=Role.CLIENT))
    task = factory.task(org)
    path = f"/api/orgs/{org.id}/tasks/{task.id}"
    assert guest.get(path).status_code == 200
    assert guest.get(f"{path}/gitlab-links").status_code == 403


def test_an_unchanged_answer_costs_no_body(admin: Caller, base: str) -> None:
    path = admin.post(f"{base}/tasks", json={"title": "x"}).headers["Location"]
    first = admin.get(path)
    validator = {"If-None-Match": first.headers["ETag"]}
    unchanged = admin.get(path, headers=validator)
    assert (unchanged.status_code, unchanged.data) == (304, b"")
    admin.patch(path, json={"title": "y"})
    assert admin.get(path, headers=validator).json["task"]["title"] == "y"


def test_a_task_has_an_assignee_and_a_due_date(
    app: Flask, admin: Caller, factory: Factory, org: Org, base: str
) -> None:
    ann = str(factory.membership(org).user_id)
    strangers = (
        factory.membership(org, Role.CLIENT).user_id,
        factory.membership(factory.org()).user_id,
        factory.user().id,
    )
    new = {"title": "Ship", "assignee_id": ann, "due_date": "2026-12-24"}
    made = admin.post(f"{base}/tasks", json=new)
    task, where = made.json["task"], made.headers["Location"]
    assert (task["assignee_id"], task["due_date"]) == (ann, "2026-12-24")
    admin.post(f"{base}/tasks", json={"title": "Other"})
    assert [one["id"] for one in admin.get(f"{base}/tasks?assignee_id={ann}").json["tasks"]] == [
        task["id"]
    ]
    for stranger in strangers:
        refused = admin.patch(where, json={"assignee_id": str(stranger)})
        assert refused.status_code == 422
        assert list(refused.json["errors"]) == ["assignee_id"]
    assert admin.patch(where, json={"due_date": "2026-02-30"}).status_code == 422
    changed = admin.patch(where, json={"assignee_id": None, "due_date": None}).json["task"]
    assert (changed["assignee_id"], changed["due_date"]) == (None, None)
    events = admin.get(f"{base}/audit-events").json["events"]
    details = [one["detail"] for one in events if one["action"] == "task.updated"]
    assert details == [{"task": "ACME-1", "assignee": None, "due_date": None}]


def test_a_task_says_what_its_branch_is_called_by_the_orgs_template(
    admin: Caller, base: str
) -> None:
    made = admin.post(f"{base}/tasks", json={"title": "Ship the release!"}).json["task"]
    reference = made["reference"].lower()
    assert made["branch_name"] == f"{reference}-ship-the-release"
    changed = admin.patch(base, json={"branch_template": "feature/{key}/{title}"})
    assert changed.json["org"]["branch_template"] == "feature/{key}/{title}"
    path = f"{base}/tasks/{made['id']}"
    assert admin.get(path).json["task"]["branch_name"] == f"feature/{reference}/ship-the-release"
    listed = admin.get(f"{base}/tasks").json["tasks"]
    assert [one["branch_name"] for one in listed] == [f"feature/{reference}/ship-the-release"]
    for wrong in ("{title}", "{key} x", "x{key}"):
        refused = admin.patch(base, json={"branch_template": wrong})
        assert (refused.status_code, list(refused.json["errors"])) == (422, ["branch_template"])
    assert admin.patch(base, json={"branch_template": ""}).json["org"]["branch_template"] is None


def test_a_task_says_what_its_links_need_and_is_found_by_it(
    app: Flask, admin: Caller, factory: Factory, org: Org, base: str
) -> None:
    project = factory.gitlab_project(org)
    task, other = factory.task(org), factory.task(org)
    request = {"type": "merge_request", "state": "opened", "pipeline_status": "failed"}
    factory.link(task, factory.gitlab_item(project, **request))
    factory.link(task, factory.gitlab_item(project, **{**request, "state": "merged"}))
    factory.link(other, factory.gitlab_item(project, **request, confidential=True))
    member = program(app, factory.api_key(org, Scope.READ, role=Role.MEMBER))
    client = program(app, factory.api_key(org, Scope.READ, role=Role.CLIENT))

    found = admin.get(f"{base}/tasks/{task.id}").json["task"]["roll_up"]
    assert (found["merged"], found["merge_requests"], found["failing"]) == (1, 2, 1)
    assert found["needs"] == ["failing"]

    def failing(caller: Caller) -> list[str]:
        listed = caller.get(f"{base}/tasks?need=failing&sort=created_at").json["tasks"]
        return [one["reference"] for one in listed]

    assert failing(admin) == [f"ACME-{task.number}", f"ACME-{other.number}"]
    assert failing(member) == [f"ACME-{task.number}"]
    assert client.get(f"{base}/tasks?need=failing").status_code == 422
    withheld = member.get(f"{base}/tasks/{other.id}").json["task"]["roll_up"]
    assert (withheld["merge_requests"], withheld["needs"]) == (0, [])
    assert client.get(f"{base}/tasks/{task.id}").json["task"]["roll_up"] is None


def test_news_from_gitlab_does_not_stop_a_change_of_the_task(
    app: Flask, admin: Caller, factory: Factory, org: Org, base: str
) -> None:
    where = admin.post(f"{base}/tasks", json={"title": "x"}).headers["Location"]
    seen = admin.get(where).headers["ETag"]
    task_id = uuid.UUID(where.rpartition("/")[2])
    item = factory.gitlab_item(factory.gitlab_project(org), state="opened")
    with app.app_context():
        task = db.session.get_one(Task, task_id)
    factory.link(task, item)
    assert admin.get(where, headers={"If-None-Match": seen}).status_code == 200
    changed = admin.patch(where, json={"title": "y"}, headers={"If-Match": seen})
    assert changed.status_code == 200
    late = admin.patch(where, json={"title": "z"}, headers={"If-Match": seen})
    assert late.status_code == 412


def test_a_task_is_shown_by_its_reference(admin: Caller, factory: Factory, base: str) -> None:
    made = admin.post(f"{base}/tasks", json={"title": "Ship it"}).json["task"]
    path = f"{base}/tasks/by-reference"
    for name in (made["reference"], made["reference"].lower(), made["id"]):
        assert admin.get(f"{path}/{name}").json["task"] == made
    admin.patch(base, json={"task_key": "NEW"})
    assert admin.get(f"{path}/{made['reference']}").json["task"]["id"] == made["id"]
    for name in ("ACME-999", "OTHER-1", "nonsense"):
        assert admin.get(f"{path}/{name}").status_code == 404


def test_tasks_are_listed_since_they_or_their_links_changed(
    admin: Caller, factory: Factory, org: Org, base: str
) -> None:
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    before = {"updated_at": noon - timedelta(seconds=1)}
    factory.task(org, title="Before", **before)
    factory.task(org, title="At", updated_at=noon)
    factory.task(org, title="Linked", links_changed_at=noon, **before)

    def since(moment: str) -> list[str]:
        answer = admin.get(f"{base}/tasks", query_string={"updated_since": moment})
        return sorted(one["title"] for one in answer.json["tasks"])

    assert since("2026-05-01T12:00:00Z") == ["At", "Linked"]
    assert since("2026-05-01T14:00:00.000001+02:00") == []
    for no_moment in ("yesterday", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00%2B14:00"):
        assert admin.get(f"{base}/tasks?updated_since={no_moment}").status_code == 422


def test_tasks_are_found_by_their_exact_external_url(
    admin: Caller, factory: Factory, org: Org, base: str
) -> None:
    url = "https://tracker.example.com/4711"
    for title, theirs in (("First", url), ("Longer", f"{url}2"), ("None", None), ("Next", url)):
        factory.task(org, title=title, external_url=theirs)
    factory.task(factory.org(), external_url=url)

    def found(**query: str) -> list[str]:
        answer = admin.get(f"{base}/tasks", query_string=query)
        return [one["title"] for one in answer.json["tasks"]]

    assert found(external_url=url) == ["Next", "First"]
    assert found(external_url=f"{url}/") == []
    assert found(external_url=url, q="Longer") == []


def test_a_reader_learns_who_works_on_tasks_and_nothing_more(
    app: Flask, factory: Factory, org: Org, base: str
) -> None:
    reader = program(app, factory.api_key(org, Scope.READ, role=Role.MEMBER))
    ann = factory.membership(org, user=factory.user(name="Ann Ox")).user_id
    factory.membership(org, Role.CLIENT, factory.user(name="Carl Client"))
    factory.membership(factory.org(), user=factory.user(name="Zoe Elsewhere"))
    task = factory.task(org, assignee_id=ann)
    people = reader.get(f"{base}/people").json["people"]
    assert {"id": str(ann), "name": "Ann Ox"} in people
    assert all(set(one) == {"id", "name"} for one in people)
    assert not {"Carl Client", "Zoe Elsewhere"} & {one["name"] for one in people}
    assert reader.get(f"{base}/tasks/{task.id}").json["task"]["assignee"] == "Ann Ox"


@pytest.mark.differs_by_database
def test_a_reader_learns_who_is_behind_an_id(
    app: Flask, factory: Factory, org: Org, base: str
) -> None:
    reader = program(app, factory.api_key(org, Scope.READ, role=Role.MEMBER))
    bot = factory.service_account(org)
    gone, client = factory.user(name="Gone Guy"), factory.user(name="Carl Client")
    factory.link(factory.task(org), created_by=gone.id)
    factory.membership(org, Role.CLIENT, client)
    there = factory.membership(factory.org(), user=factory.user(name="Zoe Elsewhere"))
    factory.task(factory.org(), created_by=there.user_id)
    assert reader.get(f"{base}/people/{bot.id}").json == {
        "person": {"id": str(bot.id), "name": bot.name}
    }
    assert reader.get(f"{base}/people/{gone.id}").json["person"]["name"] == "Gone Guy"
    for unknown in (client.id, there.user_id, org.id):
        assert reader.get(f"{base}/people/{unknown}").status_code == 404
