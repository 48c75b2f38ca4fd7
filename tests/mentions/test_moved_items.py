"""What people and comments said about the mentions of an item outlives its row."""

import pytest
from sqlalchemy import select

from gitlab_links.accounts.orgs import update_org
from gitlab_links.accounts.roles import Role
from gitlab_links.audit.models import AuditEvent
from gitlab_links.events.models import Event
from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemRef, ItemType
from gitlab_links.links.changes import detach
from gitlab_links.links.items import cached_item
from gitlab_links.links.models import DismissedMention, GitLabItem
from gitlab_links.pasting.changes import attach
from gitlab_links.sync.address_moves import carry_over
from gitlab_links.sync.project_successors import move_next_piece

ELSEWHERE = "https://gitlab.example.net"


@pytest.fixture
def apps(mentioning):
    return mentioning.connected.project("acme/app")


@pytest.fixture
def tools(mentioning):
    """A project whose hook the service has created: a link points into it."""
    project = mentioning.connected.project("acme/tools")
    mentioning.connected.link(mentioning.connected.issue(project, "Known"))
    mentioning.fetch()
    return project


def mentioned(mentioning, project, text):
    """An issue with a link that somebody made, so that a fetch finds what it mentions."""
    item = mentioning.connected.issue(project, text, notify=False)
    mentioning.connected.link(item)
    mentioning.fetch()
    return item


def link_of(mentioning, task, index=0):
    return [link for link in mentioning.links() if link.task_id == task.id][index]


def remove(mentioning, task, index=0):
    detach(mentioning.connected.principal, task.id, link_of(mentioning, task, index).id)
    db.session.commit()


def refresh(mentioning):
    mentioning.connected.make_due()
    mentioning.fetch()
    mentioning.fetch()


@pytest.mark.differs_by_database
def test_a_removed_link_stays_away_when_the_issue_is_moved(mentioning, key, apps, tools):
    task = mentioning.task(12)
    issue = mentioned(mentioning, apps, f"Fix {key(12)}")
    remove(mentioning, task)
    there = mentioning.gitlab.items.move(issue, tools)
    refresh(mentioning)
    assert (12 in mentioning.linked(), mentioning.dismissed()) == (False, 1)
    mentioning.gitlab.items.edit(there, title="Gone", notify=False)
    refresh(mentioning)
    assert mentioning.dismissed() == 0


def test_a_moved_issue_without_any_link_stays_without(mentioning, key, apps, tools):
    task = mentioning.task(12)
    issue = mentioned(mentioning, apps, f"Fix {key(12)}")
    remove(mentioning, task)
    [other] = [link for link in mentioning.links() if link.mentioned_in is None][1:]
    detach(mentioning.connected.principal, other.task_id, other.id)
    db.session.commit()
    mentioning.gitlab.items.move(issue, tools)
    refresh(mentioning)
    assert (12 in mentioning.linked(), mentioning.dismissed()) == (False, 1)


def test_a_link_that_an_event_of_the_new_place_made_meanwhile_goes(mentioning, key, apps, tools):
    task = mentioning.task(12)
    issue = mentioned(mentioning, apps, f"Fix {key(12)}")
    remove(mentioning, task)
    there = mentioning.gitlab.items.move(issue, tools)
    mentioning.send(there, mentioning.own_secret("acme/tools"))
    assert mentioning.linked()[12] == ["acme/tools#2"]
    refresh(mentioning)
    assert (12 in mentioning.linked(), mentioning.dismissed()) == (False, 1)
    event = db.session.scalars(select(Event).order_by(Event.id.desc()).limit(1)).one()
    assert (event.type, event.cause) == ("link.removed", {"kind": "dismissed"})
    newest = select(AuditEvent.detail).order_by(AuditEvent.id.desc()).limit(1)
    assert db.session.scalars(newest).one() == {"task": key(12), "item": "acme/tools#2"}


@pytest.mark.parametrize("kept", ["by a person", "before"])
def test_a_link_at_the_new_place_that_somebody_wants_stays(mentioning, key, apps, tools, kept):
    task = mentioning.task(12)
    issue = mentioned(mentioning, apps, f"Fix {key(12)}")
    if kept == "by a person":
        remove(mentioning, task)
    there = mentioning.gitlab.items.move(issue, tools)
    mentioning.send(there, mentioning.own_secret("acme/tools"))
    if kept == "by a person":
        attach(mentioning.connected.principal, task.id, mentioning.gitlab.urls.item(there))
        db.session.commit()
    else:  # whoever sees both links removes the one to the former place
        remove(mentioning, task)
    refresh(mentioning)
    assert (mentioning.linked()[12], mentioning.dismissed()) == (["acme/tools#2"], 0)


def test_of_two_links_to_a_moved_issue_the_one_that_somebody_left_stays(
    mentioning, key, apps, tools
):
    task = mentioning.task(12)
    issue = mentioned(mentioning, apps, f"Fix {key(12)}")
    there = mentioning.gitlab.items.move(issue, tools)
    mentioning.send(there, mentioning.own_secret("acme/tools"))
    remove(mentioning, task, 1)
    refresh(mentioning)
    assert (mentioning.linked()[12], mentioning.dismissed()) == (["acme/tools#2"], 0)


def test_a_persons_link_stays_theirs_when_two_become_one(mentioning, key, apps, tools):
    task = mentioning.task(12)
    issue = mentioned(mentioning, apps, f"Fix {key(12)}")
    principal = mentioning.connected.principal
    attach(principal, task.id, mentioning.gitlab.urls.item(issue))
    db.session.commit()
    there = mentioning.gitlab.items.move(issue, tools)
    mentioning.send(there, mentioning.own_secret("acme/tools"))
    assert not link_of(mentioning, task, 1).made_by_person
    refresh(mentioning)
    link = link_of(mentioning, task)
    assert (link.made_by_person, link.created_by) == (True, principal.user_id)
    mentioning.gitlab.items.edit(there, title="Gone", notify=False)
    refresh(mentioning)
    assert mentioning.linked()[12] == ["acme/tools#2"]


def test_a_link_that_a_comment_made_follows_a_moved_issue(mentioning, key, apps, tools):
    task = mentioning.task(12)
    admin = mentioning.connected.factory.principal(mentioning.org, Role.ADMIN)
    update_org(admin, comments_mention=True)
    db.session.commit()
    issue = mentioned(mentioning, apps, "Jams")
    note = mentioning.gitlab.items.comment(issue, f"Like {key(12)}")
    body = mentioning.gitlab.publisher.bodies.note(note, issue)
    mentioning.receive(body, mentioning.own_secret("acme/app"))
    mentioning.connected.drain()
    refresh(mentioning)
    assert mentioning.linked()[12] == ["acme/app#1"]
    there = mentioning.gitlab.items.move(issue, tools)
    refresh(mentioning)
    mentioning.gitlab.items.edit(there, title=f"Paper {key(12)}", notify=False)
    refresh(mentioning)
    assert mentioning.linked()[12] == ["acme/tools#2"]
    assert link_of(mentioning, task).mentioned_in == ["title", "comment"]


def test_a_removed_link_stays_away_when_an_item_has_two_rows_that_become_one(mentioning, key, apps):
    """The same GitLab under two addresses, each with a row of the issue."""
    task, other = mentioning.task(12), mentioning.task(13)
    mentioned(mentioning, apps, f"Fix {key(12)}")
    remove(mentioning, task)
    twin = cached_item(mentioning.org.id, ELSEWHERE, ItemRef("acme/app", ItemType.ISSUE, 1))
    db.session.commit()
    mentioning.connected.factory.link(other, twin)
    carry_over(mentioning.org.id, mentioning.connected.gitlab.url, ELSEWHERE)
    db.session.commit()
    while move_next_piece(mentioning.org.id):
        db.session.commit()
    db.session.rollback()
    assert db.session.scalars(select(GitLabItem.id)).all() == [twin.id]
    assert db.session.scalars(select(DismissedMention.item_id)).all() == [twin.id]
