"""Linking by text, by name and several at once."""

import threading
import uuid
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.errors import Invalid, NotFound
from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemType
from gitlab_links.integrations.credentials import IntegrationMissing
from gitlab_links.links.changes import LinkExists
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.pasting.changes import BatchRefused, attach, attach_all
from gitlab_links.pasting.reading import NamedItem
from gitlab_links.tasks.models import Task
from tests.factories import Factory, unknown_id
from tests.statements import statements

pytestmark = pytest.mark.differs_by_database

BASE = "https://gitlab.example.com"
MR = ItemType.MERGE_REQUEST


@pytest.fixture
def org(factory: Factory) -> Org:
    org = factory.org()
    factory.integration(org, base_url=BASE)
    return org


@pytest.fixture
def principal(factory: Factory, org: Org) -> Principal:
    return factory.principal(org)


@pytest.fixture
def task(factory: Factory, org: Org) -> Task:
    return factory.task(org)


def count(model: Any) -> int:
    found = db.session.scalar(select(func.count()).select_from(model))
    db.session.rollback()
    return found or 0


def place(link_id: uuid.UUID | None) -> tuple[str, str, int]:
    row = db.session.execute(
        select(GitLabProject.path, GitLabItem.type, GitLabItem.iid)
        .join(GitLabItem, GitLabItem.project_id == GitLabProject.id)
        .join(TaskGitLabLink, TaskGitLabLink.item_id == GitLabItem.id)
        .where(TaskGitLabLink.id == link_id)
    ).one()
    return row.path, row.type, row.iid


def refusal(principal: Principal, task: Task, named: object) -> Invalid:
    with pytest.raises(Invalid) as refused:
        attach(principal, task.id, named)
    db.session.rollback()
    return refused.value


@pytest.mark.usefixtures("app_context")
def test_an_item_is_linked_by_project_type_and_number(principal: Principal, task: Task) -> None:
    link_id = attach(principal, task.id, NamedItem("Acme/App", MR, 12))
    assert place(link_id) == ("Acme/App", "merge_request", 12)
    db.session.commit()
    with pytest.raises(LinkExists) as twice:
        attach(principal, task.id, f"{BASE}/acme/app/-/merge_requests/12")
    assert twice.value.members == {"link_id": str(link_id)}


@pytest.mark.usefixtures("app_context")
@pytest.mark.parametrize("path", ["app", "../x/y", "groups/a/b", "a//b", "a/b.git", "ä/b"])
def test_a_path_that_is_no_projects_is_refused(principal: Principal, task: Task, path: str) -> None:
    named = NamedItem(path, ItemType.ISSUE, 1)
    assert refusal(principal, task, named).code == "url_project_path"


@pytest.mark.usefixtures("app_context")
def test_the_name_of_a_project_is_enough_if_there_is_one(
    factory: Factory, org: Org, principal: Principal, task: Task
) -> None:
    assert refusal(principal, task, "app#3").code == "url_project_path"
    attach(principal, task.id, "acme/app#1")
    attach(principal, task.id, "acme/my_app#1")
    db.session.execute(update(GitLabItem).values(fetched_at=utcnow()))
    assert place(attach(principal, task.id, "APP!3")) == ("acme/app", "merge_request", 3)
    assert place(attach(principal, task.id, "(app#3)")) == ("acme/app", "issue", 3)
    attach(principal, task.id, "other/app#1")
    db.session.execute(update(GitLabItem).values(fetched_at=utcnow()))
    db.session.commit()
    several = refusal(principal, task, "app#4")
    assert several.code == "url_ambiguous"
    assert "acme/app, other/app" in several.detail
    other = factory.org()
    factory.integration(other, base_url=BASE)
    elsewhere = refusal(factory.principal(other), factory.task(other), "my_app#1")
    assert elsewhere.code == "url_project_path"


@pytest.mark.usefixtures("app_context")
def test_a_project_is_not_found_by_an_item_that_is_withheld(
    factory: Factory, org: Org, task: Task
) -> None:
    members, admins = factory.principal(org, Role.MEMBER), factory.principal(org, Role.ADMIN)
    attach(admins, task.id, "secret/app#1")
    db.session.execute(update(GitLabItem).values(fetched_at=utcnow(), confidential=True))
    db.session.commit()
    assert refusal(members, task, "app#3").code == "url_project_path"
    assert place(attach(admins, task.id, "app#3")) == ("secret/app", "issue", 3)


@pytest.mark.usefixtures("app_context")
def test_the_link_of_a_withheld_item_is_named_only_as_it_was_made(
    factory: Factory, org: Org, task: Task
) -> None:
    admin, member = factory.principal(org, Role.ADMIN), factory.principal(org, Role.MEMBER)
    attach(admin, task.id, "acme/app#1")
    now = utcnow()
    db.session.execute(update(GitLabItem).values(fetched_at=now, confidential=True))
    db.session.execute(update(GitLabProject).values(path="acme/new", path_key="acme/new"))
    db.session.commit()
    for who, named in ((admin, True), (member, False)):
        with pytest.raises(LinkExists) as refused:
            attach(who, task.id, "acme/new#1")
        assert bool(refused.value.members) is named
        db.session.rollback()


@pytest.mark.usefixtures("app_context")
def test_several_have_a_result_each_in_their_order(
    principal: Principal, task: Task, redis: Any
) -> None:
    attach(principal, task.id, "acme/app#1")
    db.session.commit()
    redis.flushdb()
    texts = ["z/z#9", "nonsense", "acme/app#1", "acme/app!1", "z/z#9"]
    found = attach_all(principal, task.id, texts)
    assert [(one.text, one.reference, one.is_new) for one in found] == [
        ("z/z#9", "z/z#9", True),
        ("nonsense", None, False),
        ("acme/app#1", "acme/app#1", False),
        ("acme/app!1", "acme/app!1", True),
        ("z/z#9", "z/z#9", False),
    ]
    assert found[1].refusal is not None
    assert found[1].refusal.code.startswith("url_")
    assert place(found[3].link_id) == ("acme/app", "merge_request", 1)
    assert found[0].link_id == found[4].link_id
    db.session.commit()
    assert count(TaskGitLabLink) == 3
    assert redis.llen("rq:queue:fetches") == 1


@pytest.mark.usefixtures("app_context")
def test_all_or_none_links_none_if_one_is_refused(principal: Principal, task: Task) -> None:
    with pytest.raises(BatchRefused) as refused:
        attach_all(principal, task.id, ["acme/app#1", "nonsense"], all_or_none=True)
    assert list(refused.value.errors) == ["links.1"]
    assert db.session.query(TaskGitLabLink).count() == 0
    assert len(attach_all(principal, task.id, ["acme/app#1", "a/b#2"], all_or_none=True)) == 2


@pytest.mark.usefixtures("app_context")
def test_a_batch_without_anything_new_changes_nothing_of_the_task(
    principal: Principal, task: Task
) -> None:
    attach_all(principal, task.id, ["acme/app#1", "acme/app#2"])
    db.session.commit()
    before = db.session.get_one(Task, task.id).links_changed_at
    attach_all(principal, task.id, ["acme/app#2", "acme/app#1", "nonsense"])
    db.session.commit()
    db.session.expire_all()
    assert db.session.get_one(Task, task.id).links_changed_at == before


@pytest.mark.usefixtures("app_context")
def test_unknown_tasks_and_orgs_without_a_gitlab_are_refused(
    factory: Factory, principal: Principal
) -> None:
    with pytest.raises(NotFound):
        attach_all(principal, unknown_id(), ["acme/app#1"])
    db.session.rollback()
    org = factory.org()
    with pytest.raises(IntegrationMissing):
        attach_all(factory.principal(org), factory.task(org).id, ["acme/app#1"])


def test_items_and_projects_cost_the_same_few_statements_however_many(
    app: Flask, factory: Factory, org: Org, principal: Principal
) -> None:
    tasks = [factory.task(org).id for _ in range(3)]
    counts = []
    with app.app_context():
        for task_id, size in zip(tasks, (2, 10, 50), strict=True):
            with statements(app) as sent:
                attach_all(principal, task_id, [f"acme/p{n}#{n}" for n in range(1, size + 1)])
                db.session.commit()
            counts.append(len(sent) - size)  # one INSERT for each link
    assert counts[1] == counts[2] <= 17, counts


def test_batches_of_the_same_items_in_other_orders_never_wait_in_a_circle(
    app: Flask, factory: Factory, org: Org, principal: Principal
) -> None:
    texts = [f"acme/p{n % 5}#{n}" for n in range(1, 31)]
    tasks = [factory.task(org).id for _ in range(6)]
    raised: list[Exception] = []

    def link(task_id: uuid.UUID, order: list[str]) -> None:
        with app.app_context():
            try:
                attach_all(principal, task_id, order)
                db.session.commit()
            except Exception as error:
                raised.append(error)

    threads = [
        threading.Thread(target=link, args=(task_id, texts[::step]))
        for task_id, step in zip(tasks, (1, -1) * 3, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with app.app_context():
        assert raised == []
        assert count(GitLabItem) == 30
        assert count(TaskGitLabLink) == 180
