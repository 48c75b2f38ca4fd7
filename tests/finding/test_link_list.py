"""The list of links against a plain computation: every filter by a fact, order, page and role."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
from flask import Flask

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.finding import link_list, link_order
from gitlab_links.finding.link_list import listed_links
from gitlab_links.finding.link_query import LinkQuery
from gitlab_links.gitlab.times import EARLIEST
from gitlab_links.links.changed_links import ChangedLinks
from gitlab_links.links.freshness import SyncStatus
from gitlab_links.links.link_filters import LinkFilter, LinkSort
from gitlab_links.links.link_views import LinkView
from gitlab_links.links.queries import links_page
from gitlab_links.rollup.visibility import Visibility
from tests.factories import Factory

pytestmark = pytest.mark.differs_by_database
QUERIES = (
    LinkQuery(labels=("bug",)),
    LinkQuery(labels=("bug", "late")),
    LinkQuery(person="ann"),
    LinkQuery(person="ann", labels=("bug",)),
    LinkQuery(assignee="ann", milestone="1.0"),
    LinkQuery(project="Acme/App", person="bob"),
    LinkQuery(state="opened", milestone="1.0"),
    LinkQuery(labels=("nothing",)),
)
SORTS = (*(LinkSort.UPDATED, LinkSort.UPDATED_DESC), *(LinkSort.CREATED, LinkSort.CREATED_DESC))


@dataclass(frozen=True)
class Known:
    """A link and what its item has."""

    id: uuid.UUID
    path: str
    labels: set[str]
    people: dict[str, str]
    milestone: str | None
    state: str
    confidential: bool
    at: datetime | None

    def matches(self, wanted: LinkQuery, role: Role) -> bool:
        return (
            (role is Role.PM or not self.confidential)
            and self.labels >= set(wanted.labels)
            and wanted.person in {"", *self.people.values()}
            and wanted.assignee in {"", self.people["assignee"]}
            and wanted.milestone in {"", self.milestone}
            and wanted.project.lower() in {"", self.path}
            and wanted.state in {"", self.state}
        )

    def place(self, sort: LinkSort) -> Any:
        by_time = sort in {LinkSort.UPDATED, LinkSort.UPDATED_DESC}
        return (self.at or EARLIEST) if by_time else None, self.id


@pytest.fixture
def org(factory: Factory) -> Org:
    return factory.org()


@pytest.fixture
def known(factory: Factory, org: Org) -> list[Known]:
    """30 links with every mix of these facts; several have the same time, or none."""
    projects = [factory.gitlab_project(org, path=f"acme/{name}") for name in ("app", "web")]
    task, now, made = factory.task(org), utcnow(), []
    for number in range(30):
        person = {name: ("ann", "bob", "eve")[number // turn % 3]
                  for turn, name in ((1, "assignee"), (2, "reviewer"), (5, "author"))}  # fmt: skip
        labels = [name for turn, name in ((2, "bug"), (3, "late")) if number % turn == 0]
        at = None if number % 7 == 6 else now - timedelta(days=number * 11 % 8)
        values: dict[str, Any] = {
            "milestone": "1.0" if number % 4 else None,
            "state": "opened" if number % 3 else "closed",
            "confidential": number % 5 == 4,
        }
        project = projects[number % 11 % 2]
        item = factory.gitlab_item(
            project,
            labels=[{"name": name, "color": "#fff", "text_color": "#000"} for name in labels],
            assignees=[{"username": person["assignee"], "name": "-"}],
            reviewers=[{"username": person["reviewer"], "name": "-"}],
            author={"username": person["author"], "name": "-"},
            source_updated_at=at,
            fetched_at=now,
            **values,
        )
        link = factory.link(task, item)
        made.append(Known(link.id, project.path, set(labels), person, at=at, **values))
    return made


@pytest.mark.slow
@pytest.mark.parametrize(
    ("role", "ahead"),
    [
        (Role.PM, 4),
        pytest.param(Role.MEMBER, 4, marks=pytest.mark.slow),
        pytest.param(Role.PM, 3_000, marks=pytest.mark.slow),
    ],
)
def test_pages_of_what_one_finds_are_those_of_a_plain_computation(
    app: Flask,
    factory: Factory,
    org: Org,
    known: list[Known],
    role: Role,
    ahead: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link_order, "NEXT", ahead)
    monkeypatch.setattr(link_order, "NEXT_ALONE", ahead)
    monkeypatch.setattr(link_order, "IN_TEXTS", 0)
    principal = factory.principal(org, role)
    with app.app_context():
        visibility = Visibility.of(principal)
        for wanted, sort in product(QUERIES, SORTS):
            matching = [one for one in known if one.matches(wanted, role)]
            matching.sort(key=lambda one: one.place(sort), reverse=sort.descending)
            found: list[uuid.UUID] = []
            after = None
            while True:
                page = listed_links(visibility, wanted, sort=sort, after=after, limit=3)
                found += [link.id for link in page.links]
                after = page.next
                if after is None:
                    break
            assert found == [one.id for one in matching], (wanted, sort)
        kinds = {len([one for one in known if one.matches(wanted, role)]) for wanted in QUERIES}
    assert 0 in kinds
    assert max(kinds) > 10


@pytest.mark.slow  # every filter, order and way of reading
@pytest.mark.parametrize(("few", "many"), [(0, 0), (0, 100), (100, 100)])
def test_what_programs_filter_by_is_found_by_every_way_in_every_order(
    app: Flask,
    factory: Factory,
    org: Org,
    known: list[Known],
    few: int,
    many: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link_order, "NEXT_ALONE", 5)
    monkeypatch.setattr(link_list, "FEW", few)
    monkeypatch.setattr(link_list, "MANY", many)
    now = utcnow()
    factory.connect(org, base_url="https://gitlab.example.com", token="glpat-x")
    away = factory.gitlab_project(org, path="other/app", base_url="https://other.example.com")
    renamed = factory.gitlab_project(org, path="acme/new", renamed_at=now + timedelta(days=2))
    for project, values in (
        (away, {"last_synced_at": now}),
        (renamed, {"last_synced_at": now, "error_code": "forbidden"}),
        (renamed, {"moved_path": "acme/app", "moved_iid": 4, "confidential": True}),
        (renamed, {"changed_at": now + timedelta(days=2), "source_updated_at": now}),
    ):
        factory.link(factory.task(org), factory.gitlab_item(project, **values))
    tried = [LinkFilter(project_path=path) for path in ("Acme/App", "acme/new", "acme/nothing")]
    tried += [LinkFilter(sync_status=SyncStatus.ERROR)]
    tried += [
        LinkFilter(changed=ChangedLinks(org.id, now + timedelta(days=days))) for days in (-1, 1, 3)
    ]
    people = [factory.principal(org, role) for role in (Role.PM, Role.MEMBER)]
    with app.app_context():
        for person, wanted, sort in product(people, tried, LinkSort):
            visibility, role = Visibility.of(person), person.role
            plain = links_page(org.id, wanted, sort=sort, viewer=role)
            found: list[LinkView] = []
            after = None
            while True:
                page = listed_links(
                    visibility, LinkQuery(), sort=sort, after=after, limit=7, narrowed=wanted
                )
                found += page.links
                after = page.next
                if after is None:
                    break
            assert [link.id for link in found] == [link.id for link in plain], (role, wanted, sort)
