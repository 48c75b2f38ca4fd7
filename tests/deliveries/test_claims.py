"""Which worker claims which delivery, and how a failing one ends."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import update

from gitlab_links.clock import utcnow
from gitlab_links.deliveries import claims
from gitlab_links.deliveries.claims import (
    BATCH_BYTES,
    BATCH_SIZE,
    LEASE,
    RETAKEN_TOGETHER,
    claim,
    give_back,
    has_due,
    orgs_due,
    still_ours,
)
from gitlab_links.deliveries.models import GitLabWebhookDelivery
from gitlab_links.deliveries.retries import MAX_ATTEMPTS, RETRY_DELAYS
from gitlab_links.extensions import db
from tests.deliveries.conftest import deliveries, delivery
from tests.gitlab import bodies
from tests.plans import prefer_indexes

pytestmark = pytest.mark.differs_by_database


def take(org, now=None):
    taken = claim(org.id, now or utcnow())
    db.session.commit()
    return taken


def change(delivery_id, **values):
    db.session.execute(
        update(GitLabWebhookDelivery).where(GitLabWebhookDelivery.id == delivery_id).values(values)
    )
    db.session.commit()


@pytest.fixture
def received(receive):
    """The ids of some deliveries in the order of receipt."""
    return lambda count: [receive(bodies.issue()).delivery_id for _ in range(count)]


def test_deliveries_are_taken_in_the_order_they_came_with_their_bodies(org, received, app_context):
    ids = received(3)
    taken = take(org)
    assert [one.id for one in taken] == sorted(ids)  # ids contain the millisecond
    assert all(one.payload == bodies.sent(bodies.issue()) for one in taken)
    assert {one.status for one in deliveries()} == {"processing"}
    assert {one.attempts for one in deliveries()} == {1}


def test_claimed_deliveries_are_leased(org, received, app_context):
    received(1)
    now = utcnow()
    take(org, now)
    assert deliveries()[0].due_at == now + LEASE
    assert take(org, now + LEASE - timedelta(seconds=1)) == []
    assert not has_due(org.id, now + LEASE - timedelta(seconds=1))
    assert len(take(org, now + LEASE)) == 1


def test_no_more_than_a_batch_is_taken(org, received, app_context):
    received(BATCH_SIZE + 5)
    assert [len(take(org)) for _ in range(3)] == [BATCH_SIZE, 5, 0]


def test_large_bodies_are_taken_a_few_at_a_time(org, received, app_context):
    ids = received(3)
    change(ids[0], size_bytes=BATCH_BYTES - 10)
    change(ids[1], size_bytes=20)
    change(ids[2], size_bytes=2 * BATCH_BYTES)
    assert [[one.id for one in take(org)] for _ in range(4)] == [*([i] for i in ids), []]


def test_two_orgs_do_not_see_each_others(org, factory, received, app_context):
    received(2)
    assert take(factory.org()) == []
    assert db.session.scalars(orgs_due(utcnow())).all() == [org.id]


def test_of_eight_at_once_no_two_take_the_same(app, org, received):
    ids = received(300)
    start, taken = threading.Barrier(8), []

    def work():
        with app.app_context():
            start.wait()
            while batch := take(org):
                taken.extend(one.id for one in batch)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(ids)


def test_a_delivery_attempted_twice_is_claimed_alone_in_its_turn(org, received, app_context):
    first, poison, second, worse, once = sorted(received(5))
    change(poison, attempts=2)
    change(worse, attempts=2)
    change(once, attempts=1)
    taken = [[one.id for one in take(org)] for _ in range(5)]
    assert taken == [[first, second], [poison], [worse], [once], []]


def test_a_delivery_attempted_once_is_claimed_with_few_others(org, received, app_context):
    ids = sorted(received(RETAKEN_TOGETHER + 3))
    for one in ids[:-1]:
        change(one, attempts=1)
    taken = [[one.id for one in take(org)] for _ in range(4)]
    assert taken == [ids[:RETAKEN_TOGETHER], ids[RETAKEN_TOGETHER:-1], ids[-1:], []]


def test_a_delivery_that_kills_its_worker_is_claimed_alone_at_last(org, received, app_context):
    ids = sorted(received(2 * RETAKEN_TOGETHER))
    poison, now, done = ids[3], utcnow(), set()
    for attempt in range(1, MAX_ATTEMPTS + 1):
        while taken := [one.id for one in take(org, now)]:
            assert attempt < 3 or taken == [poison] or poison not in taken
            if poison not in taken:
                done.update(taken)
                for one in taken:
                    change(one, status="processed", due_at=None)
        now += LEASE
    assert done == set(ids) - {poison}
    assert take(org, now) == []
    assert delivery(poison).status == "failed"


def test_a_retried_delivery_does_not_wait_behind_a_flood(org, received, receive, app_context):
    poison = min(received(2))
    change(poison, attempts=1)
    receive(bodies.issue())
    assert [one.id for one in take(org)] == [poison]


def test_a_failed_attempt_waits_longer_each_time_and_ends_as_failed(org, received, app_context):
    (poison,) = received(1)
    now = utcnow()
    for delay in RETRY_DELAYS:
        (taken,) = take(org, now)
        give_back(poison, taken.attempts, "processing_error", now)
        db.session.commit()
        row = delivery(poison)
        assert (row.status, row.error_code) == ("received", "processing_error")
        assert 0.8 * delay <= row.due_at - now <= 1.2 * delay
        now = row.due_at
    (taken,) = take(org, now)
    assert taken.attempts == MAX_ATTEMPTS == 8
    give_back(poison, taken.attempts, "processing_error", now)
    db.session.commit()
    row = delivery(poison)
    assert (row.status, row.due_at, row.processed_at) == ("failed", None, now)
    assert take(org, now + timedelta(days=1)) == []


def test_a_delivery_that_always_kills_its_worker_ends_as_failed(org, received, app_context):
    (poison,) = received(1)
    now = utcnow()
    for attempt in range(1, MAX_ATTEMPTS + 1):
        (taken,) = take(org, now)
        assert taken.attempts == attempt
        now += LEASE
    assert take(org, now) == []
    row = delivery(poison)
    assert (row.status, row.error_code, row.due_at) == ("failed", claims.INTERRUPTED, None)


def test_a_worker_that_slept_through_its_lease_finds_its_delivery_taken_over(
    org, received, app_context
):
    mine, others = received(2)
    now = utcnow()
    taken = {one.id: one.attempts for one in take(org, now)}
    change(mine, due_at=now + timedelta(hours=1))  # only the other one's lease runs out
    (again,) = take(org, now + LEASE)
    assert again.id == others
    assert still_ours(taken) == {mine}
    give_back(others, taken[others], "processing_error", now)
    db.session.commit()
    assert (delivery(others).status, delivery(others).attempts) == ("processing", 2)


def test_a_finished_delivery_is_not_claimed(org, received, app_context):
    (done,) = received(1)
    taken = {one.id: one.attempts for one in take(org)}
    change(done, status="processed", due_at=None)
    assert still_ours(taken) == set()
    assert still_ours({}) == set()


def test_finding_due_work_reads_an_index(org, received, app_context, dialect):
    for done in received(20)[1:]:
        change(done, status="processed", due_at=None)
    statement = "SELECT DISTINCT org_id FROM gitlab_webhook_deliveries WHERE due_at <= '2099-01-01'"
    connection = db.session.connection()
    prefer_indexes(connection, "gitlab_webhook_deliveries")
    explain = "EXPLAIN QUERY PLAN" if dialect == "sqlite" else "EXPLAIN"
    plan = connection.exec_driver_sql(f"{explain} {statement}").all()
    assert "ix_gitlab_webhook_deliveries_due" in str(plan)
