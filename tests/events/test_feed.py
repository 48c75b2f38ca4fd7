"""The feed is complete and in order, whoever commits when, and shows what its reader may see."""

import threading

import pytest
from sqlalchemy import delete, select, update

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role, Scope
from gitlab_links.api.contract import contract
from gitlab_links.audit.changes import SERVICE
from gitlab_links.events.models import Event, EventStream, EventType
from gitlab_links.events.publishing import publish
from gitlab_links.events.recording import NewEvent, record
from gitlab_links.extensions import db
from gitlab_links.jobs.events import publish_events
from gitlab_links.jobs.sweeps import sweep
from gitlab_links.links.changes import detach
from gitlab_links.links.task_removal import remove_task
from gitlab_links.tasks.changes import create_task
from gitlab_links.tasks.models import Task
from tests.api.callers import program
from tests.beside import Beside
from tests.hanging import HANGS

pytestmark = pytest.mark.differs_by_database


@pytest.fixture
def read(desk, factory):
    """Reads the feed from a position on, as a program of an admin or of another role."""
    keys = {}

    def get(after=None, role=Role.ADMIN, scopes=(Scope.READ, Scope.ADMIN), **query):
        db.session.rollback()
        name = (role, scopes)
        if name not in keys:
            keys[name] = factory.api_key(desk.org, *scopes, role=role)
        query |= {} if after is None else {"after": after}
        caller = program(desk.app, keys[name])
        return caller.get(f"/api/orgs/{desk.org.id}/events", query_string=query)

    return get


def published(desk):
    publish_events(desk.org.id)
    db.session.rollback()


def titles(page):
    return [event["data"]["changes"]["title"][1] for event in page.json["events"]]


def test_a_reader_goes_on_where_it_stopped(desk, read):
    for number in range(5):
        create_task(desk.principal, f"Task {number}")
    db.session.commit()
    published(desk)
    first = read(limit=4)
    assert titles(first) == ["Repair the pump", "Task 0", "Task 1", "Task 2"]
    assert first.json["has_more"]
    rest = read(first.json["next_after"])
    assert titles(rest) == ["Task 3", "Task 4"]
    end = rest.json["next_after"]
    assert (read(end).json["events"], read(end).json["next_after"]) == ([], end)
    again = read(end, **{})
    assert again.headers["ETag"] == read(end).headers["ETag"]


def test_removals_are_in_the_feed_after_everything_is_gone(desk, read):
    link_id = desk.link()
    detach(desk.principal, desk.task_id, link_id)
    db.session.commit()
    remove_task(desk.principal, desk.task_id)
    db.session.commit()
    published(desk)
    found = read(types=["link.removed", "task.deleted"]).json["events"]
    assert [event["type"] for event in found] == ["link.removed", "task.deleted"]
    assert found[0]["data"]["link"]["reference"] == "ships/engine#17"
    assert found[0]["data"]["task"]["id"] == str(desk.task_id)


@pytest.mark.only_on("postgresql")  # on SQLite one transaction waits for the other
def test_an_event_that_commits_late_is_not_missed(desk, read):
    begun, go_on = threading.Event(), threading.Event()

    def slowly():
        record(
            desk.org.id, SERVICE, NewEvent(EventType.TASK_EDITED, changes={"title": [0, "late"]})
        )
        begun.set()
        assert go_on.wait(HANGS)

    late = Beside(desk.app, slowly)
    assert begun.wait(HANGS)
    create_task(desk.principal, "early")  # its id is greater
    db.session.commit()
    published(desk)
    first = read()
    assert titles(first)[-1] == "early"
    go_on.set()
    assert late.end() == []
    published(desk)
    assert titles(read(first.json["next_after"])) == ["late"]
    ids = db.session.scalars(select(Event.id).order_by(Event.position)).all()
    assert ids != sorted(ids)


def test_two_publishers_give_each_event_one_position(desk):
    for number in range(40):
        create_task(desk.principal, f"Task {number}")
    db.session.commit()

    def run():
        with desk.app.app_context():
            while publish(desk.org.id, limit=3):
                db.session.commit()
            db.session.rollback()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    positions = db.session.scalars(select(Event.position).order_by(Event.position)).all()
    assert positions == list(range(1, 42))


def test_without_workers_the_reader_publishes_what_waits(desk, read):
    assert read().json["events"] == []
    assert titles(read()) == ["Repair the pump"]


def test_the_sweep_publishes_what_a_lost_trigger_left(desk, redis):
    redis.flushdb()
    sweep()
    assert redis.llen("rq:queue:deliveries") == 1


def types(page):
    return [event["type"] for event in page.json["events"] if event["data"]["link"]]


def test_who_may_not_see_a_confidential_item_reads_only_that_it_was_linked(desk, read):
    link_id = desk.link()
    desk.webhook(confidential=True)
    detach(desk.principal, desk.task_id, link_id)
    db.session.commit()
    published(desk)
    assert types(read()) == ["link.created", "link.changed", "link.removed"]
    assert not any(event["data"]["withheld"] for event in read().json["events"])
    member = read(role=Role.MEMBER)
    assert types(member) == ["link.created", "link.removed"]
    assert "Pump leaks" not in member.text
    assert member.json["next_after"] == read().json["next_after"]


def test_what_became_confidential_is_withheld_in_the_feed(desk, read):
    desk.link()
    desk.webhook()
    published(desk)
    assert "Pump leaks" in read(role=Role.MEMBER).text
    desk.webhook(confidential=True, updated_at="2026-05-28T06:58:40.456Z")
    assert "Pump leaks" not in read(role=Role.MEMBER).text
    assert "Pump leaks" in read().text


def test_deleted_events_are_said_to_be_gone(desk, read):
    for number in range(3):
        create_task(desk.principal, f"Task {number}")
    db.session.commit()
    published(desk)
    db.session.execute(delete(Event).where(Event.position <= 2))
    db.session.commit()
    gone = read(1)
    assert (gone.status_code, gone.json["code"]) == (410, "events_gone")
    assert titles(read(2)) == titles(read()) == ["Task 1", "Task 2"]


def restored(desk, position, last_number):
    """The database is as it was when the feed had come to this position."""
    db.session.execute(delete(Event).where(Event.position > position))
    db.session.execute(delete(Task).where(Task.number > last_number))
    db.session.execute(update(EventStream).values(position=position))
    db.session.execute(update(Org).values(last_task_number=last_number))
    db.session.commit()


def make_tasks(desk, *made):
    """Their numbers."""
    references = [create_task(desk.principal, title).reference for title in made]
    db.session.commit()
    published(desk)
    return [int(reference.rpartition("-")[2]) for reference in references]


def test_a_cursor_ahead_of_the_feed_is_refused(desk, read):
    make_tasks(desk, "a")
    ahead = read(read().json["next_after"] + 1)
    assert (ahead.status_code, ahead.json["code"]) == (410, "cursor_unknown")


def read_all(read, limit):
    found, after, more = [], None, True
    while more:
        page = read(after, limit=limit)
        found += titles(page)
        after, more = page.json["next_after"], page.json["has_more"]
    return found


def test_after_a_restore_readers_learn_of_it_and_miss_nothing(desk, read):
    make_tasks(desk, "a", "b")
    kept = read().json["next_after"]
    lost_numbers = make_tasks(desk, "lost", "lost, too")
    undone = [kept + 1, kept + 2]
    assert read(undone[0]).status_code == read(undone[1]).status_code == 200
    restored(desk, kept, min(lost_numbers) - 1)

    result = desk.app.test_cli_runner().invoke(args=["after-restore"])
    assert result.exit_code == 0, result.output
    for _ in range(2):  # first while nothing is new
        assert {read(cursor).json["code"] for cursor in undone} == {"cursor_unknown"}
        resumed = read(kept).json["next_after"]
        new_numbers = make_tasks(desk, "c", "d", "e")
        assert min(new_numbers) > max(lost_numbers)
        assert titles(read(kept))[-3:] == titles(read(resumed)) == ["c", "d", "e"]
    assert read(undone[-1]).json["code"] == "cursor_unknown"
    whole = ["Repair the pump", "a", "b", "c", "d", "e", "c", "d", "e"]
    assert [read_all(read, limit) for limit in (1, 2, 3, 200)] == [whole] * 4


def test_each_restore_of_the_same_dump_goes_on_farther(desk, read, clock):
    make_tasks(desk, "a")
    kept = read().json["next_after"]
    run = desk.app.test_cli_runner().invoke
    assert run(args=["after-restore"]).exit_code == 0
    make_tasks(desk, "lost")
    given = read(kept).json["next_after"]
    restored(desk, kept, 1)
    clock.advance(seconds=1)
    assert run(args=["after-restore", "--skip-task-numbers", "0"]).exit_code == 0
    assert read(given).json["code"] == "cursor_unknown"
    assert make_tasks(desk, "b") == [2]
    assert read(kept).json["events"][-1]["position"] > given


def test_the_health_of_the_connection_is_for_those_who_may_see_it(desk, read):
    from gitlab_links.audit.changes import SERVICE
    from gitlab_links.events.models import EventType
    from gitlab_links.events.recording import NewEvent, record

    record(desk.org.id, SERVICE, NewEvent(EventType.CONNECTION_HEALTH_CHANGED))
    db.session.commit()
    published(desk)
    kind = "connection.health_changed"
    assert kind in read().text
    assert kind not in read(scopes=(Scope.READ,)).text
    assert kind not in read(role=Role.MEMBER).text


def test_a_body_is_what_the_contract_says(desk, read):
    from jsonschema import Draft202012Validator

    desk.link()
    published(desk)
    document = contract(desk.app)
    schema = {"$ref": "#/components/schemas/EventFeedEnvelope", **document}
    Draft202012Validator(schema).validate(read().json)
