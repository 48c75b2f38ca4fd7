"""Following a moved issue while other transactions change its target rows."""

import uuid

import pytest
from sqlalchemy import null, select

from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemRef, ItemType
from gitlab_links.links.changes import detach
from gitlab_links.links.models import DismissedMention, GitLabItem, TaskGitLabLink
from gitlab_links.links.provenance import keep, leave_to_mentions
from gitlab_links.links.task_removal import remove_task
from gitlab_links.sync.issue_moves import follow
from tests.beside import Beside
from tests.lock_waits import wait_for_somebody_to_wait

pytestmark = pytest.mark.differs_by_database

PATH = "acme/tools"


@pytest.fixture
def moved(factory, org):
    """The id of a linked issue that was moved."""
    item = factory.gitlab_item(factory.gitlab_project(org), refresh_requested_at=null())
    factory.link(factory.task(org), item)
    return item.id


@pytest.fixture
def target(factory, org):
    """The row of the issue at its new place, without links."""
    project = factory.gitlab_project(org, path=PATH)
    return factory.gitlab_item(project, iid=7, refresh_requested_at=null()).id


def follow_beside(app, item_id):
    """Follow in another transaction at the same time."""
    issue = ItemRef(PATH, ItemType.ISSUE, 7)
    return Beside(app, lambda: follow(db.session.get_one(GitLabItem, item_id), issue))


def delete_the_task(principal, task_id, _link_id):
    remove_task(principal, task_id)


def linked():
    db.session.rollback()
    return db.session.scalars(select(TaskGitLabLink.item_id)).all()


@pytest.mark.only_on("postgresql")  # on SQLite one transaction waits for the whole other one
def test_a_row_that_is_forgotten_while_it_is_waited_for_is_made_anew(
    app, app_context, moved, target
):
    row = db.session.scalars(select(GitLabItem).filter_by(id=target).with_for_update()).one()
    other = follow_beside(app, moved)
    wait_for_somebody_to_wait()
    db.session.delete(row)
    db.session.commit()
    assert other.end() == []
    assert [item.iid for item in db.session.scalars(select(GitLabItem))] == [7]
    assert linked() != [target]


@pytest.mark.only_on("postgresql")
def test_a_row_that_another_makes_meanwhile_is_taken(app, app_context, factory, org, moved):
    project = factory.gitlab_project(org, path=PATH)
    made = GitLabItem(id=uuid.uuid4(), org_id=org.id, project_id=project.id, type="issue", iid=7)
    db.session.add(made)
    db.session.flush()
    made_id = made.id
    other = follow_beside(app, moved)
    wait_for_somebody_to_wait()
    db.session.commit()
    assert (other.end(), linked()) == ([], [made_id])


@pytest.mark.only_on("postgresql")
def test_a_link_that_is_removed_while_it_follows_is_dismissed_at_the_new_place(
    app, app_context, factory, org, moved, target
):
    task = factory.task(org)
    link_id = factory.link(
        task, db.session.get_one(GitLabItem, moved), mentioned_in=["title"], made_by_person=False
    ).id
    db.session.rollback()
    follow(db.session.get_one(GitLabItem, moved), ItemRef(PATH, ItemType.ISSUE, 7))
    principal = factory.principal(org)
    other = Beside(app, lambda: detach(principal, task.id, link_id))
    wait_for_somebody_to_wait()
    db.session.commit()
    assert (other.end(), linked()) == ([], [target])
    assert db.session.scalars(select(DismissedMention.item_id)).all() == [target]


@pytest.mark.only_on("postgresql")
@pytest.mark.parametrize(
    ("change", "left"), [(detach, 1), (keep, 2), (leave_to_mentions, 2), (delete_the_task, 1)]
)
def test_links_that_follow_and_are_changed_at_once_wait_in_one_order(
    app, app_context, factory, org, moved, target, change, left
):
    task, principal = factory.task(org), factory.principal(org)
    item = db.session.get_one(GitLabItem, moved)
    by_person = change is leave_to_mentions
    link_id = factory.link(task, item, mentioned_in=["title"], made_by_person=by_person).id
    db.session.rollback()
    row = db.session.scalars(select(GitLabItem).filter_by(id=moved).with_for_update()).one()
    other = Beside(app, lambda: change(principal, task.id, link_id))
    wait_for_somebody_to_wait()
    follow(row, ItemRef(PATH, ItemType.ISSUE, 7))
    db.session.commit()
    assert (other.end(), linked()) == ([], [target] * left)


def test_an_issue_that_is_said_to_have_moved_to_itself_stays(app_context, factory, org):
    item = factory.gitlab_item(factory.gitlab_project(org, path=PATH), iid=7)
    factory.link(factory.task(org), item)
    follow(db.session.get_one(GitLabItem, item.id), ItemRef(PATH, ItemType.ISSUE, 7))
    db.session.commit()
    assert linked() == [item.id]
