"""The sweep makes up for lost triggers, and old rows are deleted."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import delete, event, insert, select, update

from gitlab_links.accounts.models import LoginSession
from gitlab_links.clock import utcnow
from gitlab_links.deliveries.models import GitLabWebhookDelivery
from gitlab_links.extensions import db
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.jobs import due_work, sweeps
from gitlab_links.jobs.events import publish_events
from gitlab_links.jobs.sweeps import clean, sweep
from gitlab_links.links.changes import detach
from gitlab_links.links.models import GitLabItem
from gitlab_links.search import forgetting
from gitlab_links.search.models import ItemFact
from gitlab_links.storage.database import new_id
from tests.deliveries.conftest import deliveries
from tests.gitlab import bodies
from tests.hanging import HANGS
from tests.jobs.conftest import queued
from tests.jobs.test_lock_order import Beside

pytestmark = pytest.mark.differs_by_database

DAY = timedelta(days=1)


def test_a_due_delivery_whose_trigger_was_lost_is_triggered(org, receive, redis, app_context):
    receive(bodies.issue())
    redis.flushdb()
    sweep()
    assert queued(redis, "deliveries") == 1


def test_a_leased_delivery_is_triggered_when_its_lease_is_over(org, receive, redis, app_context):
    receive(bodies.issue())
    for wait, jobs in [(30, 0), (-1, 1)]:
        due_at = utcnow() + timedelta(seconds=wait)
        db.session.execute(update(GitLabWebhookDelivery).values(due_at=due_at))
        db.session.commit()
        redis.flushdb()
        sweep()
        assert queued(redis, "deliveries") == jobs


def test_a_due_item_is_triggered_unless_its_connection_may_not_be_used(connected, redis):
    connected.link(connected.issue(connected.project()))
    redis.flushdb()
    sweep()
    assert queued(redis, "fetches") == 1
    redis.flushdb()
    later = utcnow() + timedelta(minutes=1)
    db.session.execute(update(OrgGitLabIntegration).values(paused_until=later))
    db.session.commit()
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
def stored(org, app_context):
    """Writes deliveries of some age and state, with bodies; gives their ids."""

    def write(status, days, count=1):
        received_at = utcnow() - days * DAY
        rows = [
            {
                "id": new_id(),
                "org_id": org.id,
                "status": status,
                "received_at": received_at,
                "due_at": received_at if status in ("received", "processing") else None,
                "size_bytes": 2,
                "payload_sha256": "",
                "headers": {},
                "payload": b"{}",
            }
            for _ in range(count)
        ]
        db.session.execute(insert(GitLabWebhookDelivery), rows)
        db.session.commit()
        return [row["id"] for row in rows]

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


# On SQLite nobody writes meanwhile.
@pytest.mark.only_on("postgresql")
def test_a_value_that_an_item_gets_meanwhile_is_not_forgotten(app, factory, app_context):
    label = [{"name": "late"}]
    project = factory.gitlab_project(factory.org())
    factory.gitlab_item(project, labels=label)
    item = factory.gitlab_item(project)
    db.session.execute(delete(GitLabItem).where(GitLabItem.id != item.id))
    db.session.commit()
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
    project = factory.gitlab_project(factory.org())
    kept_labels = [f"kept {number}" for number in range(5)]
    factory.gitlab_item(project, labels=[{"name": name} for name in kept_labels])
    gone = factory.gitlab_item(project, labels=[{"name": f"gone {n}"} for n in range(8)])
    db.session.execute(delete(GitLabItem).where(GitLabItem.id == gone.id))
    db.session.commit()
    clean()
    assert sorted(value for _, _, value in values()) == kept_labels
