"""The sweep makes up for lost triggers, and old rows are deleted."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import event, select

from gitlab_links.accounts.models import LoginSession
from gitlab_links.clock import utcnow
from gitlab_links.deliveries.claims import LEASE, claim
from gitlab_links.extensions import db
from gitlab_links.jobs import due_work, sweeps
from gitlab_links.jobs.events import publish_events
from gitlab_links.jobs.sweeps import clean, sweep
from gitlab_links.links.changes import detach
from gitlab_links.links.models import GitLabItem
from gitlab_links.search import forgetting
from gitlab_links.search.models import ItemFact
from tests.deliveries.conftest import deliveries
from tests.gitlab import bodies
from tests.hanging import HANGS
from tests.jobs.conftest import queued
from tests.jobs.misbehaving import misbehave
from tests.jobs.test_lock_order import Beside

pytestmark = pytest.mark.differs_by_database

DAY = timedelta(days=1)


def test_a_due_delivery_whose_trigger_was_lost_is_triggered(org, receive, redis, app_context):
    receive(bodies.issue())
    redis.flushdb()
    sweep()
    assert queued(redis, "deliveries") == 1


def test_a_leased_delivery_is_triggered_when_its_lease_is_over(
    org, receive, redis, app_context, clock
):
    receive(bodies.issue())
    assert claim(org.id, utcnow())
    db.session.commit()
    for wait, jobs in [(LEASE.total_seconds() - 1, 0), (2, 1)]:
        clock.advance(wait)
        redis.flushdb()
        sweep()
        assert queued(redis, "deliveries") == jobs


def test_a_due_item_is_triggered_unless_its_connection_may_not_be_used(connected, redis):
    connected.link(connected.issue(connected.project()))
    redis.flushdb()
    sweep()
    assert queued(redis, "fetches") == 1
    misbehave(connected, status=429, retry_after="60")
    connected.fetch()
    connected.make_due()
    redis.flushdb()
    sweep()
    assert queued(redis, "fetches") == 0


def test_without_anything_due_nothing_is_triggered(connected, redis):
    connected.link(connected.issue(connected.project()))
    connected.fetch()
    publish_events(connected.org.id)
    redis.flushdb()
    sweep()
    assert redis.keys() == []


def would_find(seconds=0):
    """Whether a sweep in so many seconds would find anything, by the ticker's one statement."""
    found = due_work.is_any(utcnow() + timedelta(seconds=seconds))
    db.session.rollback()
    return found


def test_whether_a_sweep_would_find_anything_depends_on_when(org, factory, app_context):
    assert not would_find()
    factory.delivery(org, status="received", due_at=utcnow() + timedelta(seconds=60))
    assert not would_find()
    assert not would_find(59)
    assert would_find(61)


def test_a_date_that_a_clock_set_back_left_in_the_future_is_found(org, factory, app_context):
    factory.delivery(org, status="received", due_at=utcnow() + timedelta(days=1))
    assert would_find()


def test_due_items_and_unpublished_events_are_found_by_the_one_statement(
    connected, redis, app_context
):
    connected.link(connected.issue(connected.project()))
    assert would_find()
    connected.fetch()
    assert would_find()  # the event of the link is not published
    publish_events(connected.org.id)
    assert not would_find()


@pytest.fixture
def stored(org, factory, app_context):
    """Writes deliveries of some age and state, with bodies; gives their ids."""

    def write(status, days, count=1):
        received_at = utcnow() - days * DAY
        due_at = received_at if status in ("received", "processing") else None
        state = {"status": status, "received_at": received_at, "due_at": due_at}
        return [factory.delivery(org, **state).id for _ in range(count)]

    return write


def kept():
    found = {one.id: one.payload is not None for one in deliveries()}
    db.session.rollback()
    return found


@pytest.mark.parametrize("status", ["processed", "ignored"])
def test_bodies_go_after_7_days_and_deliveries_after_30(stored, status):
    (young,), (week,), (month,) = stored(status, 6.9), stored(status, 7.1), stored(status, 30.1)
    (almost,) = stored(status, 29.9)
    clean()
    assert kept() == {young: True, week: False, almost: False}
    assert month not in kept()


def test_failed_ones_keep_their_body_for_a_replay_and_go_after_90_days(stored):
    (failed,), (old,) = stored("failed", 89.9), stored("failed", 90.1)
    clean()
    assert kept() == {failed: True}
    assert old not in kept()


@pytest.mark.parametrize("status", ["received", "processing"])
def test_what_is_not_done_is_never_dropped(stored, status):
    (waiting,) = stored(status, 1000)
    clean()
    assert kept() == {waiting: True}


def test_how_long_is_the_operators_to_say(stored, make_app):
    (one,), (two,) = stored("processed", 1.5), stored("failed", 1.5)
    (three,) = stored("processed", 3.5)
    day = 86_400
    settings = {"webhook_bodies_kept": day, "deliveries_kept": 3 * day}
    with make_app(**settings, failed_deliveries_kept=day).app_context():
        clean()
    assert kept() == {one: False}
    assert two not in kept()
    assert three not in kept()


def test_many_go_in_batches(stored, monkeypatch):
    monkeypatch.setattr(sweeps, "CLEAN_BATCH", 10)
    stored("processed", 40, count=35)
    stored("processed", 8, count=25)
    stored("processed", 1, count=5)
    clean()
    assert sorted(kept().values()) == [False] * 25 + [True] * 5


def test_ended_login_sessions_go_with_them(factory, app_context):
    user = factory.user()
    for days, token in [(-1, "ended"), (1, "present")]:
        factory.add(
            LoginSession(user_id=user.id, token_hash=token, expires_at=utcnow() + days * DAY)
        )
    clean()
    assert [row.token_hash for row in db.session.query(LoginSession)] == ["present"]


def values():
    found = db.session.execute(select(ItemFact.org_id, ItemFact.kind, ItemFact.value)).all()
    db.session.rollback()
    return {tuple(row) for row in found}


def test_values_that_no_item_has_now_are_forgotten(factory, connected):
    connected.gitlab.state.people.add_user("dana", "Dana Moss")
    project = connected.project()
    gone = connected.link(connected.issue(project, labels=["late", "bug"], assignees=["dana"]))
    connected.link(connected.issue(project, labels=["bug"]))
    connected.fetch()
    other = factory.gitlab_item(factory.gitlab_project(factory.org()), labels=[{"name": "late"}])
    before = values()
    org_id = connected.org.id
    detach(connected.principal, connected.tasks[gone], gone)
    db.session.commit()
    assert values() == before

    clean()

    forgotten = {(org_id, "label", "late"), (org_id, "person", "dana")}
    assert before - values() == forgotten
    assert (other.org_id, "label", "late") in values()
    assert (org_id, "label", "bug") in values()


def unlink(factory, org, item):
    """Link the item to a task and take its only link away, and the item with it."""
    task = factory.task(org)
    detach(factory.principal(org), task.id, factory.link(task, item).id)
    db.session.commit()
    assert db.session.get(GitLabItem, item.id) is None


# On SQLite nobody writes meanwhile.
@pytest.mark.only_on("postgresql")
def test_a_value_that_an_item_gets_meanwhile_is_not_forgotten(app, factory, app_context):
    label = [{"name": "late"}]
    org = factory.org()
    project = factory.gitlab_project(org)
    item = factory.gitlab_item(project)
    unlink(factory, org, factory.gitlab_item(project, labels=label))
    db.session.get_one(GitLabItem, item.id).labels = label
    stored, cleaned = threading.Event(), threading.Event()

    def clean_beside():
        assert stored.wait(HANGS)
        clean()
        cleaned.set()

    worker = Beside(app, clean_beside)
    # The last thing before the commit.
    event.listen(db.session(), "before_commit", lambda _: stored.set() or cleaned.wait(HANGS))
    db.session.commit()
    assert worker.end() == []
    assert len(values()) == 1


def test_of_many_values_each_round_gets_to_all(factory, app_context, monkeypatch):
    monkeypatch.setattr(forgetting, "AT_ONCE", 3)
    org = factory.org()
    project = factory.gitlab_project(org)
    kept_labels = [f"kept {number}" for number in range(5)]
    factory.gitlab_item(project, labels=[{"name": name} for name in kept_labels])
    labels = [{"name": f"gone {n}"} for n in range(8)]
    unlink(factory, org, factory.gitlab_item(project, labels=labels))
    clean()
    assert sorted(value for _, _, value in values()) == kept_labels
