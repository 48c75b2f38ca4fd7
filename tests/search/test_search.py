"""The search: what each way of asking finds, on the page and in the API, and for whom."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role, Scope
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.finding.task_filters import TaskQuery
from gitlab_links.links.models import GitLabItem, TaskGitLabLink
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.search.models import SearchText
from gitlab_links.search.reindexing import store_all_texts
from gitlab_links.tasks.models import Task
from tests.api.callers import browser, program
from tests.factories import Factory
from tests.pages.markup import Markup

pytestmark = pytest.mark.differs_by_database


@pytest.fixture
def org(factory: Factory) -> Org:
    org = factory.org(task_key="ACME")
    factory.integration(org, token_ciphertext="of no use, but there")
    return org


@pytest.fixture
def tasks(factory: Factory, org: Org) -> None:
    """Four tasks, three of which link items of two projects."""
    app = factory.gitlab_project(org, path="acme/app")
    web = factory.gitlab_project(org, path="acme/web-shop")
    login = factory.task(
        org, number=1, title="Repair the login", description="Caf\u00e9 staff cannot sign in.",
        external_url="https://tracker.example.com/browse/CREW-77",
    )  # fmt: skip
    factory.link(login, factory.gitlab_item(app, type="merge_request", iid=5, title="Retry OAuth"))
    pay = factory.task(org, number=2, title="Pay by card")
    factory.link(pay, factory.gitlab_item(web, type="merge_request", iid=5, title="Add cards"))
    factory.link(pay, factory.gitlab_item(app, iid=7, title="Card is refused"))
    secret = factory.task(org, number=7, title="Audit")
    hidden = {"iid": 9, "title": "Leaked passwords", "confidential": True}
    factory.link(secret, factory.gitlab_item(app, **hidden), made_path="acme/app", made_iid=9)
    factory.task(org, number=4, title="Write the handbook")
    factory.task(factory.org(), number=1, title="Repair the login of others")


def one_by_one(
    app: Flask, principal: Principal, wanted: TaskQuery, *, each: bool = True
) -> set[str]:
    """The ids of what is found by testing task by task, as a list does first in a large org."""
    with app.app_context():
        conditions = wanted.conditions(Visibility.of(principal), each=each)
        return {str(task_id) for task_id in db.session.scalars(select(Task.id).where(*conditions))}


def found(app: Flask, factory: Factory, org: Org, words: str, role: Role) -> list[int]:
    """The numbers that the API finds, which the page has to find as well."""
    user = factory.membership(org, role).user_id
    key = factory.api_key(org, Scope.READ, role=role)
    query: dict[str, Any] = {"q": words}
    listed = program(app, key).get(f"/api/orgs/{org.id}/tasks", query_string=query)
    references = [one["reference"] for one in listed.json["tasks"]]
    page = browser(app, user).get(f"/orgs/{org.id}/tasks", query_string=query)
    shown = [
        link["href"].rpartition("/")[2] for link in Markup.of(page).all("a", class_="task-title")
    ]
    assert shown == references
    principal = Principal(org.id, user, role)
    assert one_by_one(app, principal, TaskQuery(q=words)) == {
        row["id"] for row in listed.json["tasks"]
    }
    return [int(reference.rpartition("-")[2]) for reference in references]


FOUND = [
    ("login repair", [1]),
    ("LOG rep", [1]),
    ("cafe cannot", [1]),
    ("repair handbook", []),
    ("oauth", [1]),
    ("card", [2]),
    ("refused card", [2]),
    # All words are in one text.
    ("refused pay", []),
    ("acme-2", [2]),
    ("#2", [2]),
    ("7", [7]),
    ("!5", [2, 1]),
    ("#7", [7, 2]),
    ("acme/app!5", [1]),
    ("Acme/Web-Shop!5", [2]),
    ("acme/app!7", []),
    ("app!5", [1]),
    ("Web-Shop!5", [2]),
    ("app#9", [7]),
    ("shop!5", []),
    ("web_shop!5", []),
    ("https://gitlab.example.com/acme/app/-/issues/7#note_1", [2]),
    ("https://tracker.example.com/browse/CREW-77", [1]),
    ("crew-77", [1]),
    ("%", []),
    ("' OR 1=1 --", []),
    ("leaked", []),
    ("acme/app#9", [7]),
    ("x" * 100, []),
]


@pytest.mark.slow
def test_page_and_api_find_the_same(app: Flask, factory: Factory, org: Org, tasks: None) -> None:
    for words, numbers in FOUND:
        assert found(app, factory, org, words, Role.MEMBER) == numbers, words


def test_a_number_in_a_text_is_no_reference(
    app: Flask, factory: Factory, org: Org, tasks: None
) -> None:
    factory.task(org, number=8, title="Take 5", description="Before 7")
    words = {"!5": [2, 1], "#7": [7, 2], "#5": [], "5": [8], "7": [8, 7]}
    for text, numbers in words.items():
        assert found(app, factory, org, text, Role.MEMBER) == numbers


def test_who_may_see_a_confidential_item_finds_it_by_its_title(
    app: Flask, factory: Factory, org: Org, tasks: None
) -> None:
    assert found(app, factory, org, "passwords leaked", Role.ADMIN) == [7]
    assert found(app, factory, org, "passwords", Role.MEMBER) == []


def test_words_of_the_index_itself_find_no_text_alone(
    app: Flask, factory: Factory, org: Org, tasks: None
) -> None:
    for words in ("zt", "zi", "zfl", "zfassignee", f"zo{org.id.hex[:4]}"):
        assert found(app, factory, org, words, Role.ADMIN) == []
    assert found(app, factory, org, "zt card", Role.ADMIN) == [2]
    factory.task(org, number=8, title="Zi Wei")
    assert found(app, factory, org, "zi", Role.ADMIN) == [8]


def test_a_client_finds_tasks_by_their_own_text_alone(
    app: Flask, factory: Factory, org: Org, tasks: None
) -> None:
    for words, numbers in {"card": [2], "oauth": [], "!5": [], "acme/app#7": []}.items():
        assert found(app, factory, org, words, Role.CLIENT) == numbers


def test_a_change_is_found_at_once_and_what_was_there_no_more(
    app: Flask, factory: Factory, org: Org, tasks: None
) -> None:
    with app.app_context():
        db.session.scalars(select(Task).where(Task.title == "Pay by card")).one().title = "Paying"
        item = db.session.scalars(select(GitLabItem).where(GitLabItem.title == "Add cards")).one()
        item.title = "Add purses"
        other = select(GitLabItem).where(GitLabItem.title == "Card is refused")
        link = TaskGitLabLink.item_id == db.session.scalars(other).one().id
        db.session.execute(db.delete(TaskGitLabLink).where(link))
        db.session.commit()
    assert found(app, factory, org, "purse", Role.MEMBER) == [2]
    assert found(app, factory, org, "card", Role.MEMBER) == []
    with app.app_context():
        db.session.delete(db.session.scalars(select(Task).where(Task.title == "Audit")).one())
        db.session.execute(db.delete(TaskGitLabLink))
        db.session.execute(db.delete(GitLabItem))
        db.session.commit()
        assert len(db.session.scalars(select(SearchText)).all()) == 4
    assert found(app, factory, org, "audit", Role.ADMIN) == []
    assert found(app, factory, org, "paying", Role.ADMIN) == [2]


def test_texts_that_are_missing_are_stored_again(
    app: Flask, factory: Factory, org: Org, tasks: None
) -> None:
    with app.app_context():
        before = {
            (text.task_id, text.item_id, text.words)
            for text in db.session.scalars(select(SearchText))
        }
        db.session.execute(db.delete(SearchText))
        db.session.commit()
        with db.engine.begin() as connection:
            assert store_all_texts(connection) == len(before)
            assert store_all_texts(connection) == 0
        after = {
            (text.task_id, text.item_id, text.words)
            for text in db.session.scalars(select(SearchText))
        }
    assert after == before
    assert found(app, factory, org, "oauth", Role.MEMBER) == [1]


@pytest.mark.parametrize("each", [True, False])
def test_labels_people_milestones_and_projects_are_of_one_item_that_one_may_see(
    app: Flask, factory: Factory, org: Org, *, each: bool
) -> None:
    project = factory.gitlab_project(org, path="acme/app")
    ann, bug = {"username": "ann", "name": "Ann"}, {"name": "bug", "color": "#f00"}
    every = {"labels": [bug], "milestone": "1.0", "author": ann, "fetched_at": utcnow()}
    tasks = {name: factory.task(org, title=name) for name in ("one", "two items", "secret")}
    factory.link(tasks["one"], factory.gitlab_item(project, **every))
    factory.link(tasks["two items"], factory.gitlab_item(project, labels=[bug]))
    factory.link(tasks["two items"], factory.gitlab_item(project, milestone="1.0"))
    factory.link(tasks["secret"], factory.gitlab_item(project, confidential=True, **every))
    ids = {str(task.id): name for name, task in tasks.items()}

    def names(role: Role, **wanted: str) -> set[str]:
        principal = factory.principal(org, role)
        return {ids[one] for one in one_by_one(app, principal, TaskQuery(**wanted), each=each)}

    assert names(Role.ADMIN, label="bug", milestone="1.0") == {"one", "secret"}
    assert names(Role.MEMBER, label="bug") == {"one", "two items"}
    assert names(Role.MEMBER, label="bug", milestone="1.0") == {"one"}
    assert names(Role.MEMBER, person="ann", project="ACME/app") == {"one"}
    assert names(Role.MEMBER, label="bu") == set()
    assert names(Role.CLIENT, label="nothing that they may filter by") == set(ids.values())
