"""The clock is set back, or is ahead for a while: endpoints get their events all the same."""

from datetime import timedelta

import pytest

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.jobs import due_work
from gitlab_links.jobs.sweeps import sweep
from gitlab_links.outgoing import claims

pytestmark = [pytest.mark.differs_by_database, pytest.mark.usefixtures("redis")]

MONTH = timedelta(days=30).total_seconds()
HOUR = 3600


def set_back(clock, seconds):
    clock.advance(-seconds)
    assert due_work.is_any(utcnow())
    db.session.rollback()
    sweep()
    clock.advance(2)


def test_what_failed_before_is_tried_at_once(office, receiver, clock):
    made = office.endpoint("flaky")
    receiver.answers["flaky"] = 500
    office.tasks("One")
    clock.advance(MONTH)
    for _ in range(3):
        office.work()
        clock.advance(40)
    receiver.answers["flaky"] = 200
    set_back(clock, MONTH)
    office.tasks("Two")
    office.work()
    office.send()
    assert {one.status for one in office.sent()} == {"delivered"}
    assert office.fresh(made.endpoint).last_served_at <= utcnow()


def begin_to_send(office):
    """As a worker does that has claimed an event; returns the endpoint."""
    office.endpoint()
    office.tasks("One")
    office.publish()
    (endpoint,) = claims.claim_endpoints(utcnow(), 5, slow=5)
    claims.claim_batch(endpoint, utcnow())
    db.session.commit()
    return endpoint


def test_what_a_dead_worker_was_sending_is_sent_again(office, receiver, clock):
    begin_to_send(office)
    set_back(clock, HOUR)
    office.send()
    assert len(receiver.at("good")) == 1


def test_a_worker_that_renewed_its_lease_since_keeps_it(office, clock):
    endpoint = begin_to_send(office)
    leases = {endpoint.id: utcnow() + claims.LEASE}
    clock.advance(-HOUR)
    leases = claims.keep(leases, utcnow())
    db.session.commit()
    sweep()
    assert claims.keep(leases, utcnow()) == leases
    assert office.sent()[0].due_at == leases[endpoint.id]


def test_an_event_that_no_worker_had_begun_to_send_is_sent(office, receiver, clock):
    office.endpoint()
    office.tasks("One")
    office.publish()
    set_back(clock, HOUR)
    office.send()
    assert len(receiver.at("good")) == 1


def test_a_retry_that_is_due_as_it_should_be_is_left_alone(office, receiver, clock):
    office.endpoint("flaky")
    receiver.answers["flaky"] = 500
    office.tasks("One")
    office.work()
    due_at = office.sent()[0].due_at
    sweep()
    assert office.sent()[0].due_at == due_at


def test_a_clock_that_was_ahead_for_a_moment_turns_no_endpoint_off(office, receiver, clock):
    made = office.endpoint("flaky")
    receiver.answers["flaky"] = 503
    office.tasks("One")
    office.work()
    clock.advance(MONTH)
    office.work()
    clock.advance(-MONTH)
    endpoint = office.fresh(made.endpoint)
    assert (endpoint.enabled, endpoint.failures) == (True, 2)


@pytest.mark.slow
def test_a_clock_that_jumps_ahead_turns_nothing_off_that_failed_often(office, receiver, clock):
    made = office.endpoint("flaky")
    receiver.answers["flaky"] = 503
    office.tasks("One", "Two")
    while office.fresh(made.endpoint).failures < 10:
        office.work()
        clock.advance(1800)
    clock.advance(MONTH)
    for _ in range(3):
        office.work()
        clock.advance(HOUR + 600)
    endpoint = office.fresh(made.endpoint)
    assert (endpoint.enabled, endpoint.failures > 10) == (True, True)
    for _ in range(24):
        office.tasks("Three")
        office.work()
        clock.advance(HOUR + 600)
    assert not office.fresh(made.endpoint).enabled


@pytest.mark.slow
def test_a_day_of_failures_counts_from_when_the_clock_was_right(office, receiver, clock):
    made = office.endpoint("down")
    receiver.answers["down"] = 503
    office.tasks("One", "Two")
    clock.advance(MONTH)
    office.work()
    set_back(clock, MONTH)
    for _ in range(40):
        office.send()
        clock.advance(HOUR + 600)
    assert not office.fresh(made.endpoint).enabled
