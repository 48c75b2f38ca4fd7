"""What filters suggest: what the org's items have, and nothing that the viewer may not see."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, select

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.finding.suggestions import MOST, SuggestedFilter, Suggestion, suggestions
from gitlab_links.links.models import GitLabItem, TaskGitLabLink
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.search.models import ItemFact
from gitlab_links.search.reindexing import store_all_facts
from tests.api.callers import browser
from tests.factories import Factory
from tests.statements import statements

pytestmark = pytest.mark.differs_by_database

ANN = {"username": "aSmith", "name": "Ann Smith"}
BOB = {"username": "bob", "name": "Bob"}


@pytest.fixture
def org(factory: Factory) -> Org:
    org = factory.org()
    factory.integration(org)
    return org


@pytest.fixture
def item(factory: Factory, org: Org) -> Callable[..., GitLabItem]:
    """Makes an item that a task links."""
    app = factory.gitlab_project(org, path="acme/Web-Shop")

    def make(**values: Any) -> GitLabItem:
        made = factory.gitlab_item(values.pop("project", app), fetched_at=utcnow(), **values)
        factory.link(factory.task(org), made)
        return made

    return make


@pytest.fixture
def suggested(app: Flask, factory: Factory, org: Org) -> Callable[..., list[str]]:
    """The values that a role is offered for what is typed."""

    def ask(field: str, typed: str = "", role: Role = Role.MEMBER) -> list[str]:
        with app.app_context():
            visibility = Visibility.of(factory.principal(org, role))
            return [one.value for one in suggestions(visibility, SuggestedFilter(field), typed)]

    return ask


def labels(*names: str) -> list[dict[str, str]]:
    return [{"name": name, "color": "#f00"} for name in names]


def test_values_contain_what_is_typed_and_those_that_begin_with_it_come_first(
    app: Flask, factory: Factory, org: Org, item: Any, suggested: Any
) -> None:
    item(labels=labels("type::bug", "Bugs", "50%_done"), milestone="Sprint 1")
    item(labels=labels("type::bug", "Café"), author=ANN, assignees=[BOB], reviewers=[BOB])
    assert suggested("label", "bug") == ["Bugs", "type::bug"]
    assert suggested("label", "%_") == ["50%_done"]
    assert suggested("label", "CAFÉ") == ["Café"]
    assert suggested("label") == ["50%_done", "Bugs", "Café", "type::bug"]
    assert suggested("milestone", "sprint") == ["Sprint 1"]
    assert suggested("project", "web-shop") == ["acme/Web-Shop"]
    assert suggested("person") == ["aSmith", "bob"]
    assert suggested("assignee") == ["bob"]
    with app.app_context():
        visibility = Visibility.of(factory.principal(org))
        found = suggestions(visibility, SuggestedFilter.PERSON, "smith")
    assert found == [Suggestion("aSmith", "Ann Smith")]


def test_what_only_confidential_items_have_is_offered_to_those_who_see_them(
    item: Any, suggested: Any, factory: Factory, org: Org
) -> None:
    secret = factory.gitlab_project(org, path="acme/secret")
    every = {"labels": labels("leak"), "milestone": "Secret", "author": ANN, "project": secret}
    item(confidential=True, **every)
    item(labels=labels("bug"), author=BOB)
    for field, seen, all_there_is in (
        ("label", ["bug"], ["bug", "leak"]),
        ("milestone", [], ["Secret"]),
        ("person", ["bob"], ["aSmith", "bob"]),
        ("project", ["acme/Web-Shop"], ["acme/secret", "acme/Web-Shop"]),
    ):
        assert suggested(field) == seen
        assert suggested(field, role=Role.PM) == all_there_is
        assert suggested(field, role=Role.CLIENT) == []


def test_what_has_become_confidential_or_is_gone_is_offered_no_more(
    app: Flask, item: Any, suggested: Any
) -> None:
    hidden, changed, unlinked = (item(labels=labels(name)) for name in ("one", "two", "three"))
    assert suggested("label") == ["one", "three", "two"]
    with app.app_context():
        db.session.get_one(GitLabItem, hidden.id).confidential = True
        db.session.get_one(GitLabItem, changed.id).labels = labels("four")
        db.session.execute(delete(TaskGitLabLink).where(TaskGitLabLink.item_id == unlinked.id))
        db.session.commit()
    assert suggested("label") == ["four"]
    assert suggested("label", role=Role.PM) == ["four", "one"]


def test_few_of_many_are_offered_and_none_of_another_org(
    factory: Factory, item: Any, suggested: Any
) -> None:
    item(labels=labels(*(f"label {number:02}" for number in range(MOST + 5))))
    other = factory.gitlab_item(factory.gitlab_project(factory.org()), labels=labels("label x"))
    factory.link(factory.task(factory.org()), other)
    assert suggested("label") == [f"label {number:02}" for number in range(MOST)]
    assert suggested("label", "x") == []


def test_a_page_asks_in_a_fixed_number_of_statements(
    app: Flask, factory: Factory, org: Org, item: Any
) -> None:
    item(labels=labels("<bug>"), author=ANN)
    caller = browser(app, factory.membership(org).user_id)
    path = f"/orgs/{org.id}/filters/suggestions"
    caller.get(path)
    with statements(app) as sent:
        answer = caller.get(path, query_string={"field": "label", "q": "bug"})
    assert '<option value="&lt;bug&gt;"></option>' in answer.text
    assert len(sent) == 3
    assert "Ann Smith</option>" in caller.get(path, query_string={"field": "person"}).text
    assert "option" not in caller.get(path, query_string={"field": "q"}).text


def test_values_that_are_missing_are_stored_for_the_migration(app: Flask, item: Any) -> None:
    item(labels=labels("bug", "late", "x" * 300), author=ANN, assignees=[ANN])
    item(labels=labels("bug"), milestone="1.0")
    with app.app_context():
        every = select(ItemFact.kind, ItemFact.value, ItemFact.name, ItemFact.key, ItemFact.digest)
        before = sorted(tuple(row) for row in db.session.execute(every))
        assert len(before) == 4
        db.session.execute(delete(ItemFact))
        db.session.commit()
        with db.engine.begin() as connection:
            assert store_all_facts(connection) == 4
            assert store_all_facts(connection) == 0
        assert sorted(tuple(row) for row in db.session.execute(every)) == before
