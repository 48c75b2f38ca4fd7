"""The list of an org's links: what it shows, finds, leaves out and costs."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from tests.api.callers import Caller
from tests.factories import Factory
from tests.pages.conftest import As
from tests.pages.csv_tables import table_of
from tests.pages.markup import Markup
from tests.statements import statements

pytestmark = pytest.mark.differs_by_database


def titles(visitor: Caller, path: str, **query: Any) -> list[str]:
    page = Markup.of(visitor.get(path, query_string=query or None))
    return [link.text for link in page.all("a", class_="item-title")]


@pytest.fixture
def links(base: str) -> str:
    return f"{base}/links"


@pytest.fixture
def linked(factory: Factory, org: Org) -> None:
    """Links of three tasks: the higher the number of an item, the later it was updated."""
    factory.integration(org, base_url="https://gitlab.example.com")
    project = factory.gitlab_project(org, path="acme/web")
    other = factory.gitlab_project(org, path="acme/app")
    ann, bob = ({"username": name, "name": name.title()} for name in ("ann", "bob"))
    bug = [{"name": "bug", "color": "#dc143c", "text_color": "#ffffff"}]
    late = {**bug[0], "name": "late"}
    request = {"type": "merge_request", "state": "opened"}
    kinds: list[tuple[int, dict[str, Any]]] = [
        (1, {"title": "Apples rot", "labels": bug, "author": ann}),
        (1, {"title": "Bananas", **request, "draft": True, "assignees": [ann]}),
        (2, {"title": "Cherries", "type": "merge_request", "state": "merged", "milestone": "1.0"}),
        (2, {"title": "Dates", **request, "pipeline_status": "failed", "reviewers": [bob]}),
        (3, {"title": "Elderberries", "labels": bug, "confidential": True}),
        (3, {"title": "Figs", **request, "error_code": "not_found", "labels": [*bug, late]}),
    ]
    tasks = {n: factory.task(org, number=n, title=f"Task {n}") for n in (1, 2, 3)}
    now = utcnow()
    for place, (number, values) in enumerate(kinds):
        item = factory.gitlab_item(
            other if values["title"] == "Dates" else project,
            **{
                "state": "opened",
                "last_synced_at": now,
                "fetched_at": now,
                "iid": 11 + place,
                **values,
            },
            source_updated_at=None if place == 0 else now - timedelta(days=9 - place),
        )
        factory.link(tasks[number], item)


FOUND: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["Figs", "Elderberries", "Dates", "Cherries", "Bananas", "Apples rot"]),
    ({"sort": "linked", "type": "issue"}, ["Elderberries", "Apples rot"]),
    ({"state": "opened", "type": "merge_request"}, ["Figs", "Dates", "Bananas"]),
    ({"state": "draft"}, ["Bananas"]),
    ({"state": "merged"}, ["Cherries"]),
    ({"state": "problem"}, ["Figs"]),
    ({"need": "failing"}, ["Dates"]),
    ({"pipeline": "failed"}, ["Dates"]),
    ({"label": "bug"}, ["Figs", "Elderberries", "Apples rot"]),
    ({"label": ["bug", "late"]}, ["Figs"]),
    ({"label": ["late", ""], "assignee": "@Ann"}, []),
    ({"assignee": "@Ann"}, ["Bananas"]),
    ({"person": "ann"}, ["Bananas", "Apples rot"]),
    ({"person": "bob", "project": "ACME/App"}, ["Dates"]),
    ({"person": " @Bob ", "project": "ACME/App"}, ["Dates"]),
    ({"milestone": "1.0"}, ["Cherries"]),
    ({"project": "acme/app"}, ["Dates"]),
    ({"q": "rot app"}, ["Apples rot"]),
    ({"q": "acme-2"}, ["Dates", "Cherries"]),
    ({"q": "acme/web!13"}, ["Cherries"]),
    ({"q": "!14"}, ["Dates"]),
    ({"q": "%"}, []),
    ({"q": "https://gitlab.example.com/acme/web/-/issues/11"}, ["Apples rot"]),
    (
        {"state": "x", "type": "y", "need": "draft?", "sort": "z", "after": " "},
        ["Figs", "Elderberries", "Dates", "Cherries", "Bananas", "Apples rot"],
    ),
]


def titles_of_api(visitor: Caller, path: str, **query: Any) -> list[str | None]:
    """Of all pages of the API's list with the same filters."""
    names = {"type": "gitlab_type", "project": "project_path"}
    asked = {names.get(name, name): value for name, value in query.items()}
    asked |= {"sort": "-created_at" if query.get("sort") else "-gitlab_updated_at", "limit": "2"}
    found: list[str | None] = []
    while True:
        answer = visitor.get(path, query_string=asked)
        assert answer.status_code == 200, answer.json
        found += [link["title"] for link in answer.json["links"]]
        if answer.json["next_cursor"] is None:
            return found
        asked["cursor"] = answer.json["next_cursor"]


@pytest.mark.slow
def test_filters_and_orders_and_what_is_withheld(acting: As, linked: None, links: str) -> None:
    manager, member = acting(Role.PM), acting(Role.MEMBER)
    api = f"/api{links.removesuffix('links')}gitlab-links"
    for query, found in FOUND:
        assert titles(manager, links, **query) == found, query
        if "state" not in query or query["state"] != "x":  # no such state: there is no file
            rows = table_of(manager.get(f"{links}.csv", query_string=query))
            assert [row["title"] for row in rows] == found, query
        seen = [title for title in found if title != "Elderberries"]
        assert titles(member, links, **query) == seen, query
        if "after" not in query:
            assert titles_of_api(manager, api, **query) == found, query
            asks = query.keys() - {"type", "sort", "project"}
            listed = titles_of_api(member, api, **query)
            # As what was never read: behind what was, or in its place among the links.
            withheld = [] if asks or found == seen else [None]
            assert [one for one in listed if one] == seen, query
            assert [one for one in listed if not one] == withheld, query


@pytest.mark.parametrize("sort", ["updated", "linked"])
def test_every_link_is_on_one_page_also_what_was_never_read(
    acting: As,
    factory: Factory,
    org: Org,
    links: str,
    sort: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gitlab_links.pages.links.org_links.LINKS_A_PAGE", 3)
    project, task = factory.gitlab_project(org), factory.task(org)
    now = utcnow()
    ages = [1, 1, None, 2, 1, None, 3, None]
    for number, age in enumerate(ages):
        moment = None if age is None else now - timedelta(days=age)
        item = factory.gitlab_item(project, title=f"Item {number}", source_updated_at=moment)
        factory.link(task, item)
    visitor, path, found = acting(), f"{links}?sort={sort}", []
    while path:
        page = Markup.of(visitor.get(path))
        found += [int(one.text[-1]) for one in page.all("a", class_="item-title")]
        path = next((one["href"] for one in page.all("a", rel="next")), "")
    by_time = [4, 1, 0, 3, 6, 7, 5, 2]
    assert found == (by_time if sort == "updated" else [7, 6, 5, 4, 3, 2, 1, 0])


def test_a_project_that_an_item_may_be_withheld_with_is_not_found(
    acting: As, factory: Factory, org: Org, base: str, links: str
) -> None:
    project = factory.gitlab_project(org, path="acme/secret-plan")
    item = factory.gitlab_item(project, title="New", fetched_at=None)
    task = factory.task(org, title="Its task")
    factory.link(task, item, made_path="acme/old", made_iid=item.iid)
    for role, finds in ((Role.PM, True), (Role.MEMBER, False)):
        query = {"project": "acme/secret-plan"}
        assert (titles(acting(role), links, **query) == ["New"]) is finds
        page = Markup.of(acting(role).get(f"{base}/tasks", query_string=query))
        assert bool(page.all("a", class_="task-title")) is finds


def test_an_open_page_asks_for_the_list_alone_and_learns_when_it_changed(
    acting: As, linked: None, factory: Factory, org: Org, links: str
) -> None:
    visitor = acting()
    etag = Markup.of(visitor.get(links)).one("div", id="results")["data-etag"]
    part = {"X-Fragment": "links"}
    assert visitor.get(links, headers={**part, "If-None-Match": etag}).status_code == 304
    factory.link(factory.task(org), factory.gitlab_item(factory.gitlab_project(org), title="New"))
    answer = visitor.get(links, headers={**part, "If-None-Match": etag})
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert "New" in answer.text


def test_a_page_takes_as_many_statements_as_any_other(
    app: Flask, acting: As, linked: None, factory: Factory, org: Org, links: str
) -> None:
    visitor = acting()
    counts = []
    for _ in range(2):
        with statements(app) as sent:
            assert visitor.get(links).status_code == 200
        counts.append(len(sent))
        project, task = factory.gitlab_project(org), factory.task(org)
        for _ in range(30):
            factory.link(task, factory.gitlab_item(project, source_updated_at=utcnow()))
    assert counts[0] == 8
    assert counts[1] == 7  # what has no time yet is on a later page
    counts = []
    api = f"/api{links.removesuffix('links')}gitlab-links?need=overdue&sort=-gitlab_updated_at"
    for limit in (1, 30):
        with statements(app) as sent:
            assert visitor.get(f"{api}&limit={limit}").status_code == 200
        counts.append(len(sent))
    assert counts == [5, 5]
