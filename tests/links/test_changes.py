"""Attaching and detaching: one cached item for all links, deleted with the last one."""

import threading

import pytest
from sqlalchemy import delete, func, select

from gitlab_links.accounts.principal import Principal
from gitlab_links.audit.models import AuditEvent
from gitlab_links.errors import Invalid, NotFound
from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemRef, ItemType
from gitlab_links.integrations.credentials import IntegrationMissing
from gitlab_links.links.changes import LinkExists, detach, detach_all, refresh_links_of_task
from gitlab_links.links.items import cached_item
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.links.task_removal import remove_task
from gitlab_links.pasting.changes import attach
from tests.beside import Beside
from tests.factories import unknown_id
from tests.lock_waits import wait_for_somebody_to_wait
from tests.statements import statements

pytestmark = pytest.mark.differs_by_database

BASE = "https://gitlab.example.com"
ISSUE = f"{BASE}/acme/press/-/issues/7"


@pytest.fixture
def org(factory):
    org = factory.org()
    factory.integration(org, base_url=BASE)
    return org


@pytest.fixture
def principal(factory, org) -> Principal:
    return factory.principal(org)


@pytest.fixture
def task(factory, org):
    return factory.task(org)


def count(model):
    found = db.session.scalar(select(func.count()).select_from(model))
    db.session.rollback()
    return found


def link(principal, task, url=ISSUE):
    made = attach(principal, task.id, url)
    db.session.commit()
    return made


def test_a_link_creates_project_and_item_and_requests_a_fetch(principal, task, redis, app_context):
    link_id = link(principal, task)
    item = db.session.scalars(select(GitLabItem)).one()
    project = db.session.scalars(select(GitLabProject)).one()
    assert db.session.get(TaskGitLabLink, link_id).created_by == principal.user_id
    assert (item.type, item.iid, item.detail_wanted) == ("issue", 7, True)
    assert item.refresh_requested_at is not None
    assert (project.path, project.path_key, project.gitlab_id) == ("acme/press", "acme/press", None)
    assert redis.llen("rq:queue:fetches") == 1


def test_nothing_is_triggered_before_the_commit(principal, task, redis, app_context):
    attach(principal, task.id, ISSUE)
    assert redis.llen("rq:queue:fetches") == 0
    db.session.rollback()
    assert count(GitLabItem) == 0


def test_the_same_item_is_cached_once_for_all_tasks(factory, org, principal, app_context):
    spellings = [
        ISSUE,
        f"{BASE}/Acme/Press/-/issues/7#note_1",
        f"{BASE}/acme/press/issues/7?x=y",
        f"{BASE}/acme/press/-/work_items/7",
    ]
    for url in spellings:
        link(principal, factory.task(org), url)
    assert (count(TaskGitLabLink), count(GitLabItem), count(GitLabProject)) == (4, 1, 1)


def test_the_same_item_twice_on_a_task_is_refused(principal, task, app_context):
    link(principal, task)
    with pytest.raises(LinkExists):
        attach(
            principal, task.id, ISSUE.upper().replace("HTTPS", "https").replace("ISSUES", "issues")
        )
    db.session.rollback()
    assert count(TaskGitLabLink) == 1


def test_a_fresh_item_is_not_fetched_again_for_another_link(
    factory, org, principal, redis, app_context, clock
):
    link(principal, factory.task(org))
    db.session.execute(
        GitLabItem.__table__.update().values(last_synced_at=clock.now(), refresh_requested_at=None)
    )
    db.session.commit()
    redis.flushdb()
    link(principal, factory.task(org))
    assert redis.llen("rq:queue:fetches") == 0


def test_another_orgs_task_and_an_unknown_one_look_the_same(factory, principal, app_context):
    other = factory.org()
    factory.integration(other, base_url=BASE)
    for task_id in (factory.task(other).id, unknown_id()):
        with pytest.raises(NotFound):
            attach(principal, task_id, ISSUE)
    db.session.rollback()
    assert count(GitLabProject) == 0


def test_without_a_base_url_there_is_nothing_to_link_to(factory, app_context):
    org = factory.org()
    with pytest.raises(IntegrationMissing):
        attach(factory.principal(org), factory.task(org).id, ISSUE)


@pytest.mark.parametrize(
    "url", [None, 7, "", "text", f"{BASE}/acme/press", "https://other.example.com/a/b/-/issues/1"]
)
def test_a_url_without_an_item_of_the_orgs_gitlab_is_refused(principal, task, app_context, url):
    with pytest.raises(Invalid):
        attach(principal, task.id, url)
    assert count(GitLabProject) == 0


def test_the_item_is_deleted_with_its_last_link(factory, org, principal, app_context):
    one, two = factory.task(org), factory.task(org)
    first, second = link(principal, one), link(principal, two)
    detach(principal, one.id, first)
    db.session.commit()
    assert count(GitLabItem) == 1
    detach(principal, two.id, second)
    db.session.commit()
    assert (count(TaskGitLabLink), count(GitLabItem)) == (0, 0)


def test_the_audit_log_says_who_linked_and_unlinked_what(principal, task, app_context):
    link_id = link(principal, task, f"{BASE}/acme/press/-/issues/3")
    detach(principal, task.id, link_id)
    db.session.commit()
    events = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()
    assert [event.action for event in events] == ["link.created", "link.removed"]
    for event in events:
        assert (event.actor_user_id, event.target_id) == (principal.user_id, str(link_id))
        assert event.detail["item"] == "acme/press#3"
        assert event.detail["task"].endswith(f"-{task.number}")


def test_a_link_is_detached_through_its_own_task_and_org_only(
    factory, org, principal, task, app_context
):
    link_id = link(principal, task)
    stranger = factory.principal(factory.org())
    for who, task_id in [
        (stranger, task.id),
        (principal, factory.task(org).id),
        (principal, unknown_id()),
    ]:
        with pytest.raises(NotFound):
            detach(who, task_id, link_id)
        db.session.rollback()
    assert count(TaskGitLabLink) == 1


def test_all_links_of_a_task_are_removed_and_those_of_others_stay(
    factory, org, principal, task, app_context
):
    for iid in range(1, 4):
        link(principal, task, f"{BASE}/acme/press/-/issues/{iid}")
    link(principal, factory.task(org), f"{BASE}/acme/press/-/issues/3")
    detach_all(factory.principal(org), task.id)
    db.session.commit()
    assert (count(TaskGitLabLink), count(GitLabItem)) == (1, 1)


def test_a_task_with_many_links_costs_as_few_statements_as_one_with_few(
    app, factory, org, principal, app_context
):
    sent = []
    for links in (2, 60):
        task = factory.task(org)
        for iid in range(links):
            attach(principal, task.id, f"{BASE}/acme/press-{links}/-/issues/{iid + 1}")
        db.session.commit()
        with statements(app) as refreshed:
            refresh_links_of_task(org.id, task.id)
            db.session.commit()
        with statements(app) as deleted:
            remove_task(principal, task.id)
            db.session.commit()
        sent.append((len(refreshed), len(deleted)))
    assert sent[0] == sent[1]
    assert max(sent[0]) <= 13
    assert count(GitLabItem) == 0


def test_a_refresh_requests_each_item_of_the_task(factory, org, principal, task, app_context):
    for iid in range(1, 4):
        link(principal, task, f"{BASE}/acme/press/-/issues/{iid}")
    db.session.execute(GitLabItem.__table__.update().values(refresh_requested_at=None))
    db.session.commit()
    assert refresh_links_of_task(org.id, task.id) == 3
    db.session.commit()
    asked = GitLabItem.refresh_requested_at.is_not(None)
    assert db.session.scalar(select(func.count()).where(asked)) == 3


def in_threads(app, *works):
    """Run each in a thread with its own context, all at once; returns their errors."""
    start, raised = threading.Barrier(len(works)), []

    def run(work):
        with app.app_context():
            start.wait()
            try:
                work()
                db.session.commit()
            except Exception as error:
                db.session.rollback()
                raised.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_the_same_link_made_at_once_is_made_once(app, principal, task, app_context):
    raised = in_threads(app, *[lambda: attach(principal, task.id, ISSUE)] * 8)
    assert [type(error) for error in raised] == [LinkExists] * 7
    assert (count(TaskGitLabLink), count(GitLabItem), count(GitLabProject)) == (1, 1, 1)


def test_different_tasks_linking_one_new_item_at_once_share_it(
    app, factory, org, principal, app_context
):
    tasks = [factory.task(org) for _ in range(8)]
    raised = in_threads(
        app, *[lambda task=task: attach(principal, task.id, ISSUE) for task in tasks]
    )
    assert raised == []
    assert (count(TaskGitLabLink), count(GitLabItem), count(GitLabProject)) == (8, 1, 1)


def test_a_link_made_while_the_last_one_is_removed_has_its_item(
    app, factory, org, principal, app_context
):
    for _ in range(12):
        before, after = factory.task(org), factory.task(org)
        old = link(principal, before)
        raised = in_threads(
            app,
            lambda task=before, old=old: detach(principal, task.id, old),
            lambda task=after: attach(principal, task.id, ISSUE),
        )
        assert raised == []
        assert (count(TaskGitLabLink), count(GitLabItem)) == (1, 1)
        detach_all(factory.principal(org), after.id)
        db.session.commit()
    assert count(GitLabItem) == 0


@pytest.mark.only_on("postgresql")  # on SQLite one transaction waits for the whole other one
def test_a_mention_links_the_task_of_somebody_who_waits_for_its_item(
    app, factory, org, principal, task, app_context
):
    """A worker has locked the item, and names the task in the new link."""
    link(principal, factory.task(org))
    item = db.session.scalars(select(GitLabItem).with_for_update()).one()
    other = Beside(app, lambda: attach(principal, task.id, ISSUE))
    wait_for_somebody_to_wait()
    ids = {"org_id": org.id, "task_id": task.id, "item_id": item.id}
    db.session.add(TaskGitLabLink(**ids, mentioned_in=["title"], made_by_person=False))
    db.session.commit()
    assert (other.end(), count(TaskGitLabLink)) == ([], 2)


@pytest.mark.only_on("postgresql")
def test_a_link_into_a_project_whose_row_is_deleted_meanwhile_makes_it_anew(
    app, org, principal, task, app_context
):
    gone = cached_item(org.id, BASE, ItemRef("acme/press", ItemType.ISSUE, 1)).project_id
    db.session.commit()
    item = cached_item(org.id, BASE, ItemRef("acme/press", ItemType.ISSUE, 7))
    other = Beside(app, lambda: attach(principal, task.id, ISSUE))
    wait_for_somebody_to_wait()  # for the row of the item
    db.session.delete(item)
    db.session.execute(delete(GitLabProject).where(GitLabProject.id == gone))
    db.session.commit()
    assert other.end() == []
    assert (count(TaskGitLabLink), count(GitLabItem), count(GitLabProject)) == (1, 1, 1)
