"""The list of tasks: what it shows, finds, leaves out and costs."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role, Scope
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.links.models import GitLabItem
from gitlab_links.tasks.models import TaskStatus
from tests.api.callers import Caller, browser, program
from tests.factories import Factory
from tests.frozen_clock import FrozenClock
from tests.pages.conftest import As
from tests.pages.markup import Markup, text_of
from tests.statements import statements


def titles(visitor: Caller, path: str, **query: Any) -> list[str]:
    page = Markup.of(visitor.get(path, query_string=query or None))
    return [link.text for link in page.all("a", class_="task-title")]


@pytest.fixture
def listed(factory: Factory, org: Org) -> None:
    """Four tasks: with an open issue, a draft, a merged merge request, and nothing."""
    project = factory.gitlab_project(org, path="acme/web")
    kinds: list[tuple[str, dict[str, Any] | None]] = [
        ("Apples", {"type": "issue", "state": "opened"}),
        ("Bananas", {"type": "merge_request", "state": "opened", "draft": True}),
        ("Cherries", {"type": "merge_request", "state": "merged", "error_code": "not_found"}),
        ("Dates", None),
    ]
    for number, (title, item) in enumerate(kinds, start=1):
        status = TaskStatus.DONE if title == "Dates" else TaskStatus.OPEN
        task = factory.task(org, number=number, title=title, status=status)
        if item is not None:
            values = {"title": title, "last_synced_at": utcnow(), **item}
            factory.link(task, factory.gitlab_item(project, **values))


@pytest.mark.parametrize(
    ("query", "found", "seen_by_members"),
    [
        ({"label": "bug"}, [1, 2], [1]),
        ({"label": "Bug"}, [], []),
        ({"person": "ann"}, [1, 2], [1]),
        ({"person": "@BOB"}, [1], [1]),
        ({"milestone": "1.0"}, [2], []),
        ({"project": "ACME/Web"}, [1, 2], [1]),
        ({"project": "acme"}, [], []),
        ({"label": "bug", "person": "bob", "project": "acme/web"}, [1], [1]),
        ({"label": "bug", "person": "carl"}, [], []),
        ({"label": "bug", "links": "merged"}, [1], [1]),
        ({"label": "bug", "q": "first"}, [1], [1]),
    ],
)
def test_tasks_are_found_by_what_one_linked_item_has(
    app: Flask,
    acting: As,
    factory: Factory,
    org: Org,
    base: str,
    query: dict[str, str],
    found: list[int],
    seen_by_members: list[int],
) -> None:
    project = factory.gitlab_project(org, path="acme/web")
    ann, bob, carl = ({"username": name, "name": name} for name in ("ann", "Bob", "carl"))
    bug = [{"name": "bug", "color": "#dc143c", "text_color": "#ffffff"}]
    first, second = (
        factory.task(org, number=n, title="First" if n == 1 else "Second") for n in (1, 2)
    )
    for task, values in (
        (first, {"labels": bug, "assignees": [ann], "reviewers": [bob], "state": "opened"}),
        (first, {"author": carl, "state": "merged", "type": "merge_request"}),
        (second, {"labels": bug, "author": ann, "milestone": "1.0", "confidential": True}),
    ):
        factory.link(task, factory.gitlab_item(project, fetched_at=utcnow(), **values))
    for role, wanted in ((Role.PM, found), (Role.MEMBER, seen_by_members)):
        key = program(app, factory.api_key(org, Scope.READ, role=role))
        page = acting(role).get(f"{base}/tasks", query_string={**query, "sort": "oldest"})
        shown = [
            int(link["href"].rpartition("-")[2])
            for link in Markup.of(page).all("a", class_="task-title")
        ]
        assert shown == wanted
        answer = key.get(f"/api{base}/tasks", query_string=query)
        numbers = [int(one["reference"].rpartition("-")[2]) for one in answer.json["tasks"]]
        assert sorted(numbers) == wanted
    assert len(titles(acting(Role.CLIENT), f"{base}/tasks", **query)) == (1 if "q" in query else 2)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["Dates", "Cherries", "Bananas", "Apples"]),
        ({"sort": "oldest"}, ["Apples", "Bananas", "Cherries", "Dates"]),
        ({"sort": "title"}, ["Apples", "Bananas", "Cherries", "Dates"]),
        ({"q": "cherr"}, ["Cherries"]),
        ({"q": "ACME-2"}, ["Bananas"]),
        ({"q": "acme-2"}, ["Bananas"]),
        ({"q": "#2"}, ["Bananas"]),
        ({"q": "%"}, []),
        ({"q": "a\0pples"}, ["Dates", "Cherries", "Bananas", "Apples"]),
        ({"status": "done"}, ["Dates"]),
        ({"links": "opened"}, ["Bananas", "Apples"]),
        ({"links": "draft"}, ["Bananas"]),
        ({"links": "merged"}, ["Cherries"]),
        ({"links": "closed"}, []),
        ({"links": "problem"}, ["Cherries"]),
        ({"links": "none"}, ["Dates"]),
        ({"type": "issue"}, ["Apples"]),
        ({"type": "merge_request", "links": "opened"}, ["Bananas"]),
        ({"type": "issue", "links": "none"}, ["Dates", "Cherries", "Bananas"]),
        ({"status": "nonsense", "links": "x", "type": "y", "sort": "z", "page": "0x1"},
         ["Dates", "Cherries", "Bananas", "Apples"]),
    ],
)  # fmt: skip
def test_search_filters_and_sort(
    acting: As, listed: None, base: str, query: dict[str, str], found: list[str]
) -> None:
    visitor = acting()
    assert titles(visitor, f"{base}/tasks", **query) == found
    if "sort" not in query and query.get("q") != "a\0pples":
        answer = visitor.get(f"/api{base}/tasks", query_string=query)
        assert [task["title"] for task in answer.json["tasks"]] == found


def test_a_client_has_no_filter_by_links(
    app: Flask, factory: Factory, org: Org, listed: None, base: str
) -> None:
    client = program(app, factory.api_key(org, Scope.READ, role=Role.CLIENT))
    names = {"links": "none", "type": "issue", "person": "ann", "label": "bug"}
    names |= {"milestone": "1", "project": "a", "need": "failing"}
    for name, value in names.items():
        refused = client.get(f"/api{base}/tasks", query_string={name: value})
        assert (refused.status_code, list(refused.json["errors"])) == (422, [name])
    asked = "need=overdue&assignee=none&label=&q=x"
    assert client.get(f"/api{base}/tasks?{asked}").json["tasks"] == []


def test_mine_nobodys_and_what_is_late_are_found(
    app: Flask, acting: As, factory: Factory, org: Org, base: str, clock: FrozenClock
) -> None:
    ann = factory.membership(org, user=factory.user(name="Ann Ox"))
    today = utcnow().date()
    late = {"due_date": today - timedelta(days=1)}
    factory.task(org, number=1, title="Late", assignee_id=ann.user_id, **late)
    factory.task(org, number=2, title="Done in the end", status=TaskStatus.DONE, **late)
    factory.task(org, number=3, title="Today", due_date=today)
    by_ann = browser(app, ann.user_id)
    found = {
        (("assignee", "me"),): ["Late"],
        (("assignee", str(ann.user_id)),): ["Late"],
        (("assignee", "none"),): ["Today", "Done in the end"],
        (("assignee", "nonsense"),): ["Today", "Done in the end", "Late"],
        (("need", "overdue"),): ["Late"],
        (("sort", "due"),): ["Late", "Done in the end", "Today"],
    }
    for query, wanted in found.items():
        assert titles(by_ann, f"{base}/tasks", **dict(query)) == wanted
        listed = by_ann.get(f"/api{base}/tasks", query_string=dict(query))
        if query == (("assignee", "nonsense"),):
            assert listed.status_code == 422
        else:
            assert [task["title"] for task in listed.json["tasks"]] == wanted, query
    assert titles(acting(), f"{base}/tasks", assignee="me") == []
    text = text_of(by_ann.get(f"{base}/tasks"))
    assert "Assigned to Ann Ox" in text
    assert text.count(", overdue") == 1


def test_links_are_summed_up_in_words(acting: As, listed: None, base: str) -> None:
    text = text_of(acting().get(f"{base}/tasks"))
    for words in ("1 of 1 merge request merged", "1 draft", "Nothing linked"):
        assert words in text, text
    assert "1 link has a sync problem" in text


def test_a_client_sees_no_links_and_cannot_ask_about_them(
    acting: As, listed: None, base: str
) -> None:
    client = acting(Role.CLIENT)
    page = client.get(f"{base}/tasks")
    assert "merge request" not in text_of(page)
    assert not Markup.of(page).all("select", name="links")
    for query in ({"links": "merged"}, {"type": "issue"}):
        assert len(titles(client, f"{base}/tasks", **query)) == 4


def test_other_orgs_tasks_are_not_in_it(
    acting: As, factory: Factory, listed: None, base: str
) -> None:
    other = factory.org(task_key="ACME")
    factory.task(other, title="Apples of others", number=1)
    assert titles(acting(), f"{base}/tasks", q="Apples") == ["Apples"]


def test_long_lists_come_in_parts(acting: As, factory: Factory, org: Org, base: str) -> None:
    for number in range(1, 28):
        factory.task(org, number=number, title=f"Plum {number}")
    visitor = acting()
    first = visitor.get(f"{base}/tasks?q=plum&sort=oldest")
    page = Markup.of(first)
    assert "1–25 of 27" in text_of(first)
    onward = page.one("a", rel="next")["href"]
    assert titles(visitor, onward) == ["Plum 26", "Plum 27"]
    back = Markup.of(visitor.get(onward)).one("a", rel="prev")["href"]
    assert len(titles(visitor, back)) == 25


@pytest.mark.parametrize(("asked", "shown", "rows"), [("9", 2, 2), ("0x1", 1, 25), ("0", 1, 25)])
def test_of_a_page_that_there_is_not_the_nearest_one_is_shown(
    acting: As, factory: Factory, org: Org, base: str, asked: str, shown: int, rows: int
) -> None:
    for number in range(1, 28):
        factory.task(org, number=number, title=f"Plum {number}")
    visitor = acting()
    answer = visitor.get(f"{base}/tasks?sort=oldest&page={asked}")
    page = Markup.of(answer)
    assert len(page.all("a", class_="task-title")) == rows
    (note,) = page.all("div", id="unapplied")
    assert note.text.strip() == f"This list has no page “{asked}”. This is page {shown}."
    live = page.one("div", id="results")["data-live"]
    assert titles(visitor, live) == [link.text for link in page.all("a", class_="task-title")]
    none = text_of(visitor.get(f"{base}/tasks?q=nothing&page={asked}"))
    assert "No task matches" in none


def test_an_empty_org_leads_those_who_may_to_connecting(
    acting: As, factory: Factory, org: Org, base: str
) -> None:
    page = Markup.of(acting(Role.PM).get(f"{base}/tasks"))
    assert "First, connect your GitLab" in page.one("main").text
    assert page.one("a", href=f"{base}/gitlab", class_="btn-primary").text == "Connect GitLab"
    member = Markup.of(acting(Role.MEMBER).get(f"{base}/tasks"))
    assert "Ask an admin or project manager of this org to connect it" in member.one("main").text
    assert not member.all("a", href=f"{base}/gitlab")


def test_an_empty_list_teaches(acting: As, factory: Factory, org: Org, base: str) -> None:
    factory.integration(org)
    assert "Create one, then paste" in text_of(acting().get(f"{base}/tasks"))
    assert "Tasks appear here when the team" in text_of(acting(Role.CLIENT).get(f"{base}/tasks"))


IN_PLACE = {"X-Fragment": "tasks"}


def test_updated_knows_of_the_task_its_links_and_gitlab(
    app: Flask, acting: As, factory: Factory, org: Org, base: str, clock: FrozenClock
) -> None:
    visitor, client = acting(), acting(Role.CLIENT)
    factory.integration(org, token_ciphertext="something")
    long_ago = utcnow() - timedelta(days=40)
    names = ("Untouched", "Linked", "Moved", "Hidden")
    tasks = [
        factory.task(org, number=number, title=title, updated_at=long_ago)
        for number, title in enumerate(names, start=1)
    ]
    project = factory.gitlab_project(org, path="acme/web")
    kinds = {2: {"source_updated_at": utcnow() - timedelta(hours=3)},
             3: {"source_updated_at": utcnow(), "confidential": True}}  # fmt: skip
    for place, values in kinds.items():
        factory.link(tasks[place], factory.gitlab_item(project, title="An item", **values))
    url = "https://gitlab.example.com/acme/web/-/issues/7"
    link = visitor.post(f"{base}/tasks/ACME-2/links", data={"url": url})
    assert link.status_code == 302
    assert titles(visitor, f"{base}/tasks", sort="updated") == [
        "Linked", "Moved", "Hidden", "Untouched"]  # fmt: skip
    assert titles(acting(Role.PM), f"{base}/tasks", sort="updated")[0] in {"Hidden", "Linked"}
    assert titles(client, f"{base}/tasks", sort="updated") == [
        "Hidden", "Moved", "Linked", "Untouched"]  # fmt: skip
    text = text_of(visitor.get(f"{base}/tasks"))
    assert re.search("ACME-2 Linked .*?Open Updated just now", text)
    assert re.search("ACME-3 Moved .*?Open Updated 3 h ago", text)
    assert re.search("ACME-4 Hidden .*?Open Updated on", text)
    seen = text_of(acting(Role.PM).get(f"{base}/tasks"))
    assert re.search("ACME-4 Hidden .*?Open Updated just now", seen)
    assert "just now" not in text_of(client.get(f"{base}/tasks"))


def test_the_open_list_is_a_304_until_something_of_it_changes(
    app: Flask, acting: As, factory: Factory, listed: None, org: Org, base: str
) -> None:
    visitor, path = acting(), f"{base}/tasks?sort=oldest"
    page = Markup.of(visitor.get(path)).one("div", id="results")
    assert page["data-live"] == path
    new, tag = factory.task(org, number=9, title="Elderberries"), page["data-etag"]
    assert visitor.get(path, headers={**IN_PLACE, "If-None-Match": tag}).status_code == 200
    tag = Markup.of(visitor.get(path)).one("div", id="results")["data-etag"]
    changes: list[Callable[[], Any]] = [
        lambda: factory.link(new, factory.gitlab_item(factory.gitlab_project(org))),
        lambda: visitor.post(
            f"{base}/tasks/ACME-1/status", data={"status": "done", "seen": "open"}
        ),
        lambda: visitor.patch(f"/api{base}/tasks/{new.id}", json={"title": "Figs"}),
        lambda: change(app, state="closed"),
        lambda: change(app, error_code="network_error"),
    ]
    for make in changes:
        asked = {**IN_PLACE, "If-None-Match": tag}
        with statements(app) as sent:
            assert visitor.get(path, headers=asked).status_code == 304
        assert len(sent) <= 9, sent
        make()
        answer = visitor.get(path, headers=asked)
        assert answer.status_code == 200
        assert "<html" not in answer.text
        assert "X-Fragment" in answer.headers["Vary"]
        tag = answer.headers["ETag"]


def change(app: Flask, **values: Any) -> None:
    """GitLab changes the issue, which was linked first."""
    with app.app_context():
        issue = select(GitLabItem.id).order_by(GitLabItem.id).limit(1).scalar_subquery()
        db.session.execute(update(GitLabItem).where(GitLabItem.id == issue).values(**values))
        db.session.commit()


def test_the_number_of_queries_does_not_grow(
    app: Flask, acting: As, factory: Factory, org: Org, base: str
) -> None:
    visitor = acting()
    project = factory.gitlab_project(org)

    def cost() -> int:
        with statements(app) as sent:
            assert visitor.get(f"{base}/tasks").status_code == 200
        return len(sent)

    factory.link(factory.task(org, number=1), factory.gitlab_item(project))
    few = cost()
    for number in range(2, 22):
        task = factory.task(org, number=number)
        for _ in range(3):
            factory.link(task, factory.gitlab_item(project))
    assert cost() == few
    assert few <= 10


@pytest.mark.parametrize(
    ("query", "runs", "leads_to"),
    [
        ("", "descending none none none", "?sort=oldest ?sort=title ?sort=due ?sort=updated"),
        ("sort=oldest&q=a&page=2", "ascending none none none",
         "?q=a ?q=a&sort=title ?q=a&sort=due ?q=a&sort=updated"),
        ("sort=due&status=open", "none none ascending none",
         "?status=open ?status=open&sort=title ?status=open&sort=due ?status=open&sort=updated"),
    ],
)  # fmt: skip
def test_headings_say_and_change_the_order(
    acting: As, factory: Factory, org: Org, base: str, query: str, runs: str, leads_to: str
) -> None:
    for number in range(1, 28):
        factory.task(org, number=number, title="A task")
    page = Markup.of(acting(Role.CLIENT).get(f"{base}/tasks?{query}"))
    heads = [one for one in page.all("span", role="columnheader") if one.get("aria-sort")]
    assert [one["aria-sort"] for one in heads] == runs.split()
    assert [one.text for one in heads] == ["Task", "Title", "Due", "Updated"]
    links = [
        one["href"] for one in page.all("a") if one.text in {"Task", "Title", "Due", "Updated"}
    ]
    assert links == [f"{base}/tasks{one}" for one in leads_to.split()]
    columns = page.all("span", role="columnheader")
    cells = [one for one in page.elements if one.get("role") == "cell"]
    assert len(cells) == len(columns) * len(titles(acting(Role.CLIENT), f"{base}/tasks?{query}"))


def test_a_list_without_links_is_live_before_a_gitlab_is_connected(
    app: Flask, factory: Factory
) -> None:
    org = factory.org()
    visitor = browser(app, factory.membership(org).user_id)
    task = factory.task(org)
    pages = [f"/orgs/{org.id}/{path}" for path in ("tasks", "links", f"tasks/{task.id}")]

    def reasons() -> set[str]:
        found = (re.search('data-away="(.*?)"', visitor.get(path).text) for path in pages)
        return {one[1] for one in found if one}

    assert reasons() == {""}
    factory.link(task)
    assert reasons() == {"This org is not connected to a GitLab."}
