"""What happens is recorded with the change, once for each link."""

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select, update

from gitlab_links.clock import utcnow
from gitlab_links.events.models import Event
from gitlab_links.extensions import db, settings
from gitlab_links.gitlab.items import ItemRef, ItemType
from gitlab_links.jobs.sweeps import clean
from gitlab_links.links.changes import detach
from gitlab_links.links.event_visibility import event_readable, event_withheld, with_items
from gitlab_links.links.models import GitLabItem
from gitlab_links.links.task_removal import remove_task
from gitlab_links.links.undoing import reattach
from gitlab_links.pasting.changes import attach
from gitlab_links.storage.database import first_id_at
from gitlab_links.sync.issue_moves import follow
from gitlab_links.tasks.changes import create_task, update_task
from tests.events.conftest import BASE, ISSUE
from tests.gitlab import bodies
from tests.statements import statements

pytestmark = pytest.mark.differs_by_database


def types(desk):
    return [event.type for event in desk.events()]


def test_each_change_of_a_task_is_an_event_with_the_values_before_and_after(desk):
    changes = {"title": "Replace the pump", "status": "done", "description": "Long"}
    update_task(desk.principal, desk.task_id, changes)
    db.session.commit()
    edited, moved = desk.events()
    assert (edited.type, moved.type) == ("task.edited", "task.status_changed")
    assert edited.changes == {"title": ["Repair the pump", "Replace the pump"]}
    assert edited.detail == {"edited": ["description", "title"]}
    assert moved.changes == {"status": ["open", "done"]}
    assert (moved.actor_kind, moved.actor_user_id) == ("person", desk.principal.user_id)
    update_task(desk.principal, desk.task_id, changes)
    assert types(desk) == []
    changes = {"due_date": date(2026, 12, 24), "assignee_id": desk.principal.user_id}
    update_task(desk.principal, desk.task_id, changes)
    db.session.commit()
    (edited,) = desk.events()
    assert edited.changes == {
        "due_date": [None, "2026-12-24"],
        "assignee_id": [None, str(desk.principal.user_id)],
    }


def test_an_event_is_rolled_back_with_its_change(desk):
    create_task(desk.principal, "Never")
    db.session.rollback()
    assert types(desk) == []


def test_linking_unlinking_and_taking_it_back_are_events_with_the_items_reference(desk):
    link_id = desk.link()
    detached = detach(desk.principal, desk.task_id, link_id)
    db.session.commit()
    reattach(desk.principal, desk.task_id, detached)
    db.session.commit()
    made, removed, again = desk.events()
    assert [made.type, removed.type, again.type] == ["link.created", "link.removed", "link.created"]
    assert {event.link_id for event in (made, removed, again)} == {link_id}
    assert (removed.reference, removed.url) == ("ships/engine#17", ISSUE)
    assert removed.task_reference.endswith("-1")
    assert again.cause == {"kind": "undo"}


def test_a_deleted_task_leaves_the_events_of_its_links_and_its_own(desk):
    desk.link()
    desk.link(f"{BASE}/ships/engine/-/merge_requests/4")
    desk.events()
    remove_task(desk.principal, desk.task_id)
    db.session.commit()
    *links, task = desk.events()
    assert [event.type for event in links] == ["link.removed"] * 2
    assert {event.reference for event in links} == {"ships/engine#17", "ships/engine!4"}
    assert (task.type, task.changes["title"]) == ("task.deleted", ["Repair the pump", None])


def test_a_webhook_is_an_event_for_each_link_of_the_item(desk, factory):
    desk.link()
    other = create_task(desk.principal, "Another")
    attach(desk.principal, other.id, ISSUE)
    db.session.commit()
    desk.events()
    desk.webhook()
    first, second = desk.events()
    assert {first.task_id, second.task_id} == {desk.task_id, other.id}
    assert first.type == "link.changed"
    assert first.changes["title"] == [None, "Pump leaks"]
    assert first.changes["labels"] == [[], ["urgent"]]
    assert (first.cause, first.actor_kind) == ({"kind": "webhook"}, "service")


def test_a_batch_without_a_change_is_no_event(desk):
    desk.link()
    desk.webhook()
    desk.events()
    desk.webhook()
    assert types(desk) == []


@pytest.mark.parametrize("links", [1, 30])
def test_many_links_cost_as_few_statements_as_one(desk, links):
    for number in range(links):
        task = create_task(desk.principal, f"Task {number}")
        attach(desk.principal, task.id, ISSUE)
    db.session.commit()
    desk.events()
    desk.receive(bodies.issue())
    with statements(desk.app) as sent:
        desk.drain()
    assert len([one for one, _ in sent if "INTO events" in one]) == 1
    assert len(desk.events()) == links


def test_a_pipeline_on_its_way_is_no_event(desk):
    desk.link(f"{BASE}/ships/engine/-/merge_requests/4")
    desk.webhook(bodies.merge_request())
    desk.events()
    (item,) = db.session.scalars(select(GitLabItem))
    from gitlab_links.sync.item_events import FETCH, ItemChanges

    for status, expected in (("running", 0), ("failed", 1), ("running", 0), ("success", 1)):
        shown = ItemChanges([item])
        item.pipeline_status = status
        shown.record(desk.org.id, FETCH)
        db.session.commit()
        assert len(desk.events()) == expected


def test_a_link_that_follows_a_moved_issue_says_from_where_to_where(desk):
    desk.link()
    desk.webhook()
    desk.events()
    (item,) = db.session.scalars(select(GitLabItem))
    follow(item, ItemRef("ships/hull", ItemType.ISSUE, 3))
    db.session.commit()
    (moved,) = desk.events()
    assert moved.changes == {"item": ["ships/engine#17", "ships/hull#3"]}
    assert (moved.type, moved.reference) == ("link.changed", "ships/hull#3")


def readable(desk, *, all_seen):
    rows = db.session.scalars(
        with_items(select(Event)).where(event_readable(all_seen=all_seen)).order_by(Event.id)
    )
    return [row.type for row in rows if row.link_id]


def withheld():
    return db.session.scalar(
        with_items(select(func.count()).select_from(Event)).where(event_withheld())
    )


def test_of_a_confidential_item_others_read_that_it_was_linked_and_nothing_more(desk):
    desk.link()
    desk.webhook(confidential=True)
    assert readable(desk, all_seen=True) == ["link.created", "link.changed"]
    assert readable(desk, all_seen=False) == ["link.created"]


def test_what_becomes_confidential_is_withheld_with_its_past(desk):
    link_id = desk.link()
    desk.webhook()
    assert readable(desk, all_seen=False) == ["link.created", "link.changed"]
    db.session.execute(update(GitLabItem).values(confidential=True))
    assert readable(desk, all_seen=False) == ["link.created"]
    db.session.execute(update(GitLabItem).values(confidential=False))
    assert withheld() == 0
    # Nobody knows what becomes of an issue that is not linked any more.
    detach(desk.principal, desk.task_id, link_id)
    db.session.commit()
    assert readable(desk, all_seen=False) == ["link.created", "link.removed"]


def test_old_events_are_deleted(desk):
    desk.link()
    old = first_id_at(utcnow() - timedelta(seconds=settings().events_kept + 60))
    (first, *_) = db.session.scalars(select(Event.id).order_by(Event.id)).all()
    db.session.execute(update(Event).where(Event.id == first).values(id=old))
    db.session.commit()
    before = db.session.scalar(select(func.count()).select_from(Event))
    clean()
    assert db.session.scalar(select(func.count()).select_from(Event)) == before - 1
