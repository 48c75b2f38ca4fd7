"""Links over the API."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from gitlab_links.accounts.models import Org
from gitlab_links.api.answers import json_answer
from gitlab_links.api.schemas.links import LinkSchema
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.gitlab.items import MAX_IID
from gitlab_links.gitlab.times import EARLIEST, LATEST
from gitlab_links.links.freshness import SyncStatus
from gitlab_links.links.link_filters import LinkFilter
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.links.queries import links_page
from tests.api.callers import Caller, browser
from tests.factories import Factory
from tests.statements import statements

URL = "https://gitlab.example.com/acme/app/-/issues/7"
PEOPLE = [{"username": "sam", "name": "Sam Jones"}, {"username": "eve", "name": "Eve Roth"}]
ALL_LINKS = "All links of a project are found by project_path."
LABEL = {"name": "bug", "color": "#dc143c", "text_color": "#ffffff"}


@pytest.fixture
def task_path(factory: Factory, org: Org, base: str) -> str:
    factory.connect(org, base_url="https://gitlab.example.com", token="glpat-x")
    return f"{base}/tasks/{factory.task(org).id}/gitlab-links"


def full_item(factory: Factory, project: GitLabProject, **values: Any) -> GitLabItem:
    """An item of which everything is known, in sync just now."""
    content = {
        "type": "merge_request",
        "title": "Fix it",
        "state": "merged",
        "draft": True,
        "confidential": True,
        "labels": [LABEL],
        "assignees": PEOPLE[:1],
        "reviewers": PEOPLE,
        "author": PEOPLE[1],
        "milestone": "1.0",
        "due_date": date(2026, 12, 24),
        "merge_status": "mergeable",
        "pipeline_status": "success",
        "comments": 3,
        "reviews": [
            {"username": "ann", "state": "approved", "re_requested": False},
            {"username": "bob", "state": "reviewed", "re_requested": False},
            {"username": "eve", "state": "approved", "re_requested": True},
        ],
        "gitlab_created_at": datetime(2026, 1, 1, tzinfo=UTC),
        "closed_at": datetime(2026, 1, 2, tzinfo=UTC),
        "merged_at": datetime(2026, 1, 3, 4, 5, 6, 789, tzinfo=UTC),
        "source_updated_at": datetime(2026, 1, 3, 4, 5, 6, tzinfo=UTC),
        "last_synced_at": utcnow(),
        "next_sync_at": utcnow() + timedelta(minutes=4),
    }
    return factory.gitlab_item(project, **{**content, **values})


def test_a_link_is_made_shown_listed_and_removed(admin: Caller, task_path: str) -> None:
    made = admin.post(task_path, json={"url": URL + "?foo#note_1"})
    assert made.status_code == 201
    link = made.json["link"]
    assert (link["url"], link["reference"], link["title"]) == (URL, "acme/app#7", None)
    assert link["sync"]["status"] == "never"
    where = made.headers["Location"]
    assert where == f"{task_path}/{link['id']}"
    assert admin.get(where).json == {"link": link}
    assert admin.get(task_path).json == {"links": [link], "next_cursor": None}
    spelled = admin.post(task_path, json={"url": URL.replace("acme/app", "Acme/APP")})
    assert (spelled.status_code, spelled.json["code"]) == (409, "link_exists")
    twice = admin.post(task_path, json={"url": URL})
    assert (twice.status_code, twice.json["code"]) == (409, "link_exists")
    assert (admin.delete(where).status_code, admin.delete(where).status_code) == (204, 404)
    assert admin.get(task_path).json["links"] == []


def test_an_org_without_a_gitlab_is_told_so(
    admin: Caller, factory: Factory, org: Org, base: str
) -> None:
    path = f"{base}/tasks/{factory.task(org).id}/gitlab-links"
    answer = admin.post(path, json={"url": URL})
    assert (answer.status_code, answer.json["code"]) == (409, "missing_integration")
    assert answer.json["former_code"] == "integration_missing"


def test_links_go_with_their_task(app: Flask, admin: Caller, task_path: str, base: str) -> None:
    admin.post(task_path, json={"url": URL})
    assert admin.delete(task_path.removesuffix("/gitlab-links")).status_code == 204
    assert admin.get(f"{base}/gitlab-links").json["links"] == []
    with app.app_context():
        assert db.session.query(GitLabItem).count() == 0


def test_a_refresh_is_asked_for(app: Flask, admin: Caller, task_path: str) -> None:
    for iid in (1, 2):
        admin.post(task_path, json={"url": URL[:-1] + str(iid)})
    with app.app_context():
        db.session.query(GitLabItem).update(
            {"refresh_requested_at": None, "next_sync_at": utcnow() + timedelta(hours=1)}
        )
        db.session.commit()
    answer = admin.post(f"{task_path}/refresh")
    assert (answer.status_code, answer.json) == (202, {"refreshing": 2})
    with app.app_context():
        due = db.session.query(GitLabItem).filter(GitLabItem.next_sync_at <= utcnow())
        assert due.count() == 2


def test_what_is_sent_without_a_schema_is_what_the_contract_says(
    app: Flask, factory: Factory, org: Org, admin: Caller, base: str
) -> None:
    project = factory.gitlab_project(org)
    factory.link(factory.task(org), full_item(factory, project))
    factory.link(factory.task(org))
    with app.app_context():
        views = links_page(org.id, LinkFilter())
        for view in views:
            by_schema = LinkSchema().dump(view)
            sent = json_answer(view).json
            assert sent == by_schema
            assert list(sent) == list(by_schema)
            assert list(sent["sync"]) == list(by_schema["sync"])
    shown = admin.get(f"{base}/gitlab-links").json["links"][0]
    assert shown["merged_at"] == "2026-01-03T04:05:06.000789Z"
    assert (shown["due_date"], shown["labels"]) == ("2026-12-24", [LABEL])


def test_every_field_of_an_item_is_sent_under_its_name(
    factory: Factory, org: Org, admin: Caller, base: str
) -> None:
    item = full_item(factory, factory.gitlab_project(org))
    factory.link(factory.task(org), item)
    (shown,) = admin.get(f"{base}/gitlab-links").json["links"]
    plain = ("title", "state", "draft", "confidential", "labels", "assignees", "reviewers")
    plain += ("author", "milestone", "merge_status", "pipeline_status", "comments")
    assert {name: shown[name] for name in plain} == {name: getattr(item, name) for name in plain}
    assert shown["approved_by"] == ["ann"]
    assert shown["pipeline_url"] == f"{shown['url']}/pipelines"
    for path, newest, page in (
        ("/acme/app/-/pipelines/47", None, "/acme/app/-/pipelines/47"),
        ("/acme/app/-/pipelines/47", 47, "/acme/app/-/pipelines/47"),
        ("/acme/app/-/pipelines/47", 48, None),
    ):
        known = {"pipeline_path": path, "head_pipeline_id": newest, "pipeline_status": "success"}
        another = factory.gitlab_item(factory.gitlab_project(org), **known)
        factory.link(factory.task(org), another)
        *_, link = admin.get(f"{base}/gitlab-links").json["links"]
        expected = f"https://gitlab.example.com{page}" if page else f"{link['url']}/pipelines"
        assert link["pipeline_url"] == expected
    times = ("gitlab_created_at", "gitlab_updated_at", "closed_at", "merged_at")
    assert [shown[name] for name in times] == [
        "2026-01-01T00:00:00Z",
        "2026-01-03T04:05:06Z",
        "2026-01-02T00:00:00Z",
        "2026-01-03T04:05:06.000789Z",
    ]


FILTERS = {
    "": {"fix", "new", "old"},
    "state=merged": {"fix"},
    "state=opened": {"old"},
    "gitlab_type=issue": {"new", "old"},
    "project_path=ACME/App": {"fix", "new"},
    "label=bug": {"fix"},
    "label=bug&label=ui": set(),
    "label=%25": set(),
    "label=&q=%20&person=%20&project_path=": {"fix", "new", "old"},
    "label=%20bug%20&label=": {"fix"},
    "assignee=sam": {"fix"},
    "assignee=Sam+Jones": set(),
    "assignee=%20%40SAM": {"fix"},
    "sync_status=ok": {"fix"},
    "sync_status=never": {"new"},
    "sync_status=stale": {"old"},
    "sync_status=error": set(),
    "sync_status=ok&state=opened": set(),
}


@pytest.mark.parametrize("query", FILTERS)
def test_links_are_found(factory: Factory, org: Org, admin: Caller, base: str, query: str) -> None:
    factory.connect(org, base_url="https://gitlab.example.com", token="glpat-x")
    app_project = factory.gitlab_project(org, path="acme/app")
    old = {"title": "old", "state": "opened", "last_synced_at": utcnow() - timedelta(days=1)}
    items = [
        full_item(factory, app_project, title="fix"),
        factory.gitlab_item(app_project, title="new"),
        factory.gitlab_item(factory.gitlab_project(org), **old),
    ]
    for item in items:
        factory.link(factory.task(org), item)
    found = admin.get(f"{base}/gitlab-links?{query}").json["links"]
    assert {link["title"] for link in found} == FILTERS[query]


def test_links_are_listed_since_they_or_what_they_show_changed(
    factory: Factory, org: Org, admin: Caller, base: str
) -> None:
    factory.connect(org, base_url="https://gitlab.example.com", token="glpat-x")
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    before = noon - timedelta(seconds=1)
    still, renamed = factory.gitlab_project(org), factory.gitlab_project(org, renamed_at=noon)
    for title, project, changed_at, created_at in (
        ("before", still, before, before),
        ("changed", still, noon, before),
        ("made", still, before, noon),
        ("both", still, noon, noon),
        ("renamed", renamed, before, before),
    ):
        item = factory.gitlab_item(project, title=title, changed_at=changed_at)
        factory.link(factory.task(org), item, created_at=created_at)

    def since(moment: str, **query: str) -> list[str]:
        asked = {"updated_since": moment, **query}
        answer = admin.get(f"{base}/gitlab-links", query_string=asked)
        return [link["title"] for link in answer.json["links"]]

    assert since("2026-05-01T12:00:00Z") == ["changed", "made", "both", "renamed"]
    assert since("2026-05-01T12:00:00Z", project_path=renamed.path) == ["renamed"]
    assert since("2026-05-01T14:00:00.000001+02:00") == []
    for no_moment in ("yesterday", "9999-12-31T23:59:59-14:00"):
        assert admin.get(f"{base}/gitlab-links?updated_since={no_moment}").status_code == 422


@pytest.mark.parametrize("connection", ["good", "refused", "paused", "elsewhere", "none"])
def test_the_filter_by_freshness_agrees_with_what_is_shown(
    app: Flask, factory: Factory, org: Org, connection: str
) -> None:
    values = {
        "good": {"token_ciphertext": "x"},
        "refused": {"token_ciphertext": "x", "error_code": "auth_error"},
        "paused": {
            "token_ciphertext": "x",
            "error_code": "rate_limited",
            "paused_until": utcnow() + timedelta(minutes=1),
        },
        "elsewhere": {"token_ciphertext": "x", "base_url": "https://other.example.com"},
    }
    if connection in values:
        factory.integration(org, **values[connection])
    project = factory.gitlab_project(org)
    for last in (None, utcnow(), utcnow() - timedelta(days=1)):
        for code in (None, "not_found", "rate_limited"):
            item = factory.gitlab_item(project, last_synced_at=last, error_code=code)
            factory.link(factory.task(org), item)
    with app.app_context():
        everything = {view.id: view.sync.status for view in links_page(org.id, LinkFilter())}
        assert len(everything) == 9
        for status in SyncStatus:
            found = links_page(org.id, LinkFilter(sync_status=status))
            assert {view.id for view in found} == {
                one for one, shown in everything.items() if shown is status
            }, status


@pytest.mark.parametrize("sort", ["title", "gitlab_updated_at", "created_at"])
@pytest.mark.parametrize("minus", ["", "-"])
def test_pages_hold_every_link_once_in_every_order(
    factory: Factory, org: Org, admin: Caller, base: str, sort: str, minus: str
) -> None:
    project, task = factory.gitlab_project(org), factory.task(org)
    # GitLab's times may be any that a column holds.
    times = [
        LATEST,
        None,
        datetime(2026, 1, 3, tzinfo=UTC),
        None,
        EARLIEST + timedelta(days=1),
        None,
    ]
    for title, at in zip(["b", None, "a", "b", None, "c"], times, strict=True):
        factory.link(task, factory.gitlab_item(project, title=title, source_updated_at=at))

    def walk(limit: int) -> list[dict[str, Any]]:
        page = admin.get(f"{base}/gitlab-links?limit={limit}&sort={minus}{sort}").json
        seen = page["links"]
        while page["next_cursor"]:
            assert len(seen) <= 6, "the pages go round"
            page = admin.get(f"{base}/gitlab-links?limit={limit}&cursor={page['next_cursor']}").json
            seen += page["links"]
        return list(seen)

    at_once = [link["id"] for link in walk(100)]
    keys = [link[sort] or "" for link in walk(100)]
    assert keys == sorted(keys, reverse=bool(minus))
    for limit in (1, 2, 5):
        assert [link["id"] for link in walk(limit)] == at_once

    cursor = admin.get(f"{base}/gitlab-links?limit=1&sort={minus}{sort}").json["next_cursor"]
    other = "" if minus else "-"
    same, another = (
        admin.get(f"{base}/gitlab-links?sort={sign}{sort}&cursor={cursor}")
        for sign in (minus, other)
    )
    assert same.json["links"][0]["id"] == at_once[1]
    assert (another.status_code, another.json["errors"].keys()) == (422, {"sort"})


@pytest.mark.parametrize("microseconds", [10**18 - 1, 1 - 10**18])
def test_a_cursor_beyond_every_calendar_is_a_place_at_an_end(
    admin: Caller, base: str, microseconds: int
) -> None:
    cursor = f"gitlab_updated_at~{microseconds}~{'0' * 32}"
    assert admin.get(f"{base}/gitlab-links?cursor={cursor}").status_code == 200


@pytest.mark.parametrize("by", ["key", "session"])
def test_the_number_of_queries_does_not_grow_with_the_list(
    app: Flask, factory: Factory, org: Org, admin: Caller, base: str, by: str
) -> None:
    factory.connect(org, base_url="https://gitlab.example.com", token="glpat-x")
    caller = admin if by == "key" else browser(app, factory.membership(org).user_id)
    project, task = factory.gitlab_project(org), factory.task(org)
    path = f"{base}/tasks/{task.id}/gitlab-links?limit=100"
    caller.get(path)  # notes the use of the key
    factory.link(task, full_item(factory, project))
    few = _queries(app, caller, path, links=1)
    for _ in range(59):
        factory.link(task, full_item(factory, project))
    assert _queries(app, caller, path, links=60) == few
    assert len(few) <= (4 if by == "key" else 5)


def _queries(app: Flask, caller: Caller, path: str, links: int) -> list[str]:
    with statements(app) as sent:
        assert len(caller.get(path).json["links"]) == links
    return [text for text, _ in sent]


def test_reading_writes_nothing(app: Flask, factory: Factory, org: Org, admin: Caller) -> None:
    link = factory.link(factory.task(org))
    path = f"/api/orgs/{org.id}/tasks/{link.task_id}/gitlab-links"
    admin.get(path)
    written = [one for one in _queries(app, admin, path, 1) if not one.startswith("SELECT")]
    assert written == []
    with app.app_context():
        assert db.session.get(TaskGitLabLink, link.id) is not None


def test_the_tasks_of_an_item_are_found_by_its_address_or_place(
    app: Flask, factory: Factory, org: Org, admin: Caller, base: str
) -> None:
    factory.connect(org, base_url="https://gitlab.example.com", token="glpat-x")
    tasks = [factory.task(org) for _ in range(3)]
    for task, texts in zip(tasks, ([URL, "acme/app!7"], [URL], ["acme/app#8"]), strict=True):
        for text in texts:
            admin.post(f"{base}/tasks/{task.id}/gitlab-links", json={"url": text})
    with app.app_context():
        now = utcnow()
        db.session.query(GitLabItem).update({"fetched_at": now, "last_synced_at": now})
        db.session.query(GitLabProject).update({"gitlab_id": 42})
        db.session.commit()

    def found(query: str) -> set[tuple[str, str]]:
        answer = admin.get(f"{base}/gitlab-links?{query}")
        assert answer.status_code == 200, answer.json
        return {(one["task_id"], one["reference"]) for one in answer.json["links"]}

    one, two = str(tasks[0].id), str(tasks[1].id)
    both = {(one, "acme/app#7"), (two, "acme/app#7")}
    assert found(f"url={URL}%23note_3") == both
    assert found("url=Acme/App%237") == both
    assert found("project=acme/APP&iid=7") == both | {(one, "acme/app!7")}
    assert found("project=42&iid=7&gitlab_type=merge_request") == {(one, "acme/app!7")}
    assert found(f"url={URL}&task_id={two}") == {(two, "acme/app#7")}
    assert found("project=43&iid=7") == found("project=acme/other&iid=7") == set()
    assert found(f"project=acme/app&iid={MAX_IID}") == set()


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("project=acme/app", "validation_error"),
        ("iid=7", "validation_error"),
        (f"project=acme/app&iid={MAX_IID + 1}", "validation_error"),
        (f"url={URL}&iid=7", "validation_error"),
        ("url=https://gitlab.com/a/b/-/issues/1", "url_host_mismatch"),
        ("url=nonsense", "url_invalid"),
    ],
)
def test_what_names_no_item_finds_none(
    factory: Factory, org: Org, admin: Caller, base: str, query: str, code: str
) -> None:
    factory.connect(org, base_url="https://gitlab.example.com", token="glpat-x")
    answer = admin.get(f"{base}/gitlab-links?{query}")
    assert (answer.status_code, answer.json["code"]) == (422, code)


def test_who_names_a_project_alone_learns_how_to_find_its_links(admin: Caller, base: str) -> None:
    errors = admin.get(f"{base}/gitlab-links?project=acme/app").json["errors"]
    assert errors == {"iid": [f"Send it with project. {ALL_LINKS}"]}


def test_another_orgs_links_are_not_found_by_the_same_address(
    factory: Factory, org: Org, admin: Caller, base: str, app: Flask
) -> None:
    factory.connect(org, base_url="https://gitlab.example.com", token="glpat-x")
    other = factory.org()
    factory.integration(other, base_url="https://gitlab.example.com")
    project = factory.gitlab_project(other, path="acme/app", gitlab_id=42)
    item = factory.gitlab_item(project, iid=7, fetched_at=utcnow())
    factory.link(factory.task(other), item, made_path="acme/app", made_iid=7)
    for query in (f"url={URL}", "project=42&iid=7", "project=acme/app&iid=7"):
        assert admin.get(f"{base}/gitlab-links?{query}").json["links"] == []


def test_a_link_is_shown_by_its_id_alone_with_the_title_of_its_task(
    app: Flask, factory: Factory, org: Org, admin: Caller, base: str
) -> None:
    link = factory.link(factory.task(org, title="Ship it"))
    shown = admin.get(f"{base}/gitlab-links/{link.id}")
    assert shown.json["link"]["task_title"] == "Ship it"
    assert shown.json == admin.get(f"{base}/tasks/{link.task_id}/gitlab-links/{link.id}").json
    other = factory.link(factory.task(factory.org()))
    assert admin.get(f"{base}/gitlab-links/{other.id}").status_code == 404


def test_all_links_of_an_org_are_fetched_the_oldest_first(
    app: Flask,
    factory: Factory,
    org: Org,
    admin: Caller,
    base: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gitlab_links.links.changes.REFRESHED_AT_ONCE", 2)
    project, now = factory.gitlab_project(org), utcnow()
    times = {1: now, 2: now - timedelta(hours=1), 3: None}
    for iid, synced in times.items():
        item = factory.gitlab_item(project, iid=iid, last_synced_at=synced)
        factory.link(factory.task(org), item)
    others = factory.gitlab_item(factory.gitlab_project(factory.org()))
    with app.app_context():
        db.session.execute(db.update(GitLabItem).values(refresh_requested_at=None))
        db.session.commit()
    assert admin.post(f"{base}/gitlab-links/refresh").json == {"refreshing": 2}
    with app.app_context():
        asked = db.session.scalars(
            db.select(GitLabItem.iid).where(GitLabItem.refresh_requested_at.is_not(None))
        ).all()
    assert sorted(asked) == [2, 3]
    assert others.iid not in asked
