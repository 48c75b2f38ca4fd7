"""The clock is set back by an hour: nothing waits for the hour, and nothing is asked in a loop."""

import pytest

from gitlab_links.clock import utcnow
from gitlab_links.deliveries import claims
from gitlab_links.deltas import marks
from gitlab_links.extensions import db
from gitlab_links.job_triggers import JobKind, suppress_triggers
from gitlab_links.jobs.operations import trigger_operations
from gitlab_links.jobs.sweeps import sweep
from gitlab_links.links.changes import refresh_links_of_task
from gitlab_links.operations.models import OperationKind
from gitlab_links.operations.queue import INTERRUPTED, ask_for, find_operation, take_next
from gitlab_links.sync import lease as leases
from gitlab_links.sync.fetching import Fetcher
from tests.deliveries.conftest import deliveries
from tests.gitlab import bodies
from tests.jobs.conftest import drain_all, queued
from tests.jobs.misbehaving import end_pause, fetch, misbehave

HOUR = 3600


def rename(connected, issue, title):
    connected.gitlab.state.items.edit(issue, title=title, notify=False)


@pytest.fixture
def issue(connected):
    return connected.issue(connected.project())


@pytest.fixture
def shown(connected, issue, clock):
    """A link that was fetched just now."""
    link = connected.link(issue)
    connected.fetch()
    assert connected.view(link).sync.status == "ok"
    return link


def test_one_refresh_costs_one_call_and_shows_what_is_so(connected, issue, shown, clock):
    rename(connected, issue, "Paper tears")
    clock.advance(-HOUR)
    refresh_links_of_task(connected.org.id, connected.tasks[shown])
    db.session.commit()
    before = connected.calls()
    for _ in range(5):
        connected.fetch()
        clock.advance(2)
    assert connected.calls() == before + 1
    assert connected.view(shown).title == "Paper tears"
    assert connected.item(shown).refresh_requested_at is None


def test_a_scheduled_refresh_does_not_wait_for_the_hour(connected, issue, shown, clock):
    rename(connected, issue, "Paper tears")
    clock.advance(-HOUR)
    sweep()
    before = connected.calls()
    connected.fetch()
    connected.fetch()
    assert connected.calls() == before + 1
    assert connected.view(shown).title == "Paper tears"
    item = connected.item(shown)
    assert item.last_synced_at <= utcnow()
    assert (item.next_sync_at - utcnow()).total_seconds() <= 300


def test_changes_of_a_project_that_was_linked_before_are_read(connected, shown, clock):
    """They are never read yet, so nothing of them is proven in the future."""
    clock.advance(-24 * HOUR)
    assert not marks.has_due(connected.org.id, utcnow())
    sweep()
    assert marks.has_due(connected.org.id, utcnow())


def test_a_fetch_that_was_under_way_when_the_sweep_noticed_counts(
    connected, issue, shown, clock, monkeypatch
):
    rename(connected, issue, "Paper tears")
    clock.advance(-HOUR)
    refresh_links_of_task(connected.org.id, connected.tasks[shown])
    db.session.commit()
    call_gitlab = Fetcher.fetch

    def fetch_while_the_sweep_runs(fetcher, batches):
        answers = call_gitlab(fetcher, batches)
        clock.advance(0.1)
        sweep()
        return answers

    monkeypatch.setattr(Fetcher, "fetch", fetch_while_the_sweep_runs)
    connected.fetch()
    assert connected.view(shown).title == "Paper tears"


def test_what_was_left_of_the_rate_limit_then_keeps_nothing_waiting(connected, issue, shown, clock):
    connected.gitlab.state.calls.limit = 4
    for _ in range(2):
        refresh_links_of_task(connected.org.id, connected.tasks[shown])
        db.session.commit()
        connected.fetch()
    rename(connected, issue, "Paper tears")
    clock.advance(-HOUR)
    sweep()
    connected.fetch()
    assert connected.view(shown).title == "Paper tears"


def test_a_request_made_before_is_not_forgotten(connected, issue, shown, clock):
    rename(connected, issue, "Paper tears")
    refresh_links_of_task(connected.org.id, connected.tasks[shown])
    db.session.commit()
    clock.advance(-HOUR)
    sweep()
    connected.fetch()
    assert connected.view(shown).title == "Paper tears"
    assert connected.item(shown).refresh_requested_at is None


def test_a_link_made_just_before_is_fetched(connected, issue, clock):
    link = connected.link(issue)
    clock.advance(-HOUR)
    sweep()
    connected.fetch()
    assert connected.view(link).sync.status == "ok"


def test_a_lease_held_just_before_ends_as_soon_as_any(connected, issue, clock):
    link = connected.link(issue)
    leases.acquire(connected.org.id, utcnow())
    db.session.commit()
    clock.advance(-HOUR)
    sweep()
    connected.fetch()
    assert connected.view(link).sync.status == "ok"


def test_an_operation_whose_worker_died_just_before_is_over_as_soon_as_any(connected, clock):
    asked = ask_for(connected.principal, OperationKind.ROTATE_TOKEN)
    db.session.commit()
    assert take_next(connected.org.id, utcnow()) is not None
    db.session.commit()
    clock.advance(-HOUR)
    trigger_operations(utcnow())
    db.session.expire_all()
    assert find_operation(connected.org.id, asked.id).error_code == INTERRUPTED


@pytest.mark.parametrize("fault", [{"status": 429, "retry_after": "20"}, {"status": 503}])
def test_a_pause_from_before_is_over(connected, issue, clock, fault):
    link = connected.link(issue)
    misbehave(connected, **fault)
    for _ in range(3):
        end_pause()
        connected.make_due()
        fetch(connected)
    assert connected.integration().paused_until > utcnow()
    connected.gitlab.state.faults.clear()
    clock.advance(-HOUR)
    sweep()
    connected.fetch()
    assert connected.view(link).sync.status == "ok"


@pytest.mark.parametrize("taken", [False, True])
def test_a_delivery_received_or_claimed_just_before_is_processed(
    org, receive, app_context, clock, redis, taken
):
    receive(bodies.issue())
    if taken:
        claims.claim(org.id, utcnow())
        db.session.commit()
    clock.advance(-HOUR)
    sweep()
    drain_all(org.id)
    assert [one.status for one in deliveries()] == ["processed"]


def test_a_delivery_that_waits_for_its_next_attempt_waits_no_longer(
    org, receive, app_context, clock, redis
):
    delivery_id = receive(bodies.issue()).delivery_id
    claims.claim(org.id, utcnow())
    claims.give_back(delivery_id, 1, "processing_interrupted", utcnow())
    db.session.commit()
    assert claims.make_future_due(utcnow()) == set()
    clock.advance(-HOUR)
    assert claims.make_future_due(utcnow()) == {org.id}
    assert claims.has_due(org.id, utcnow())


def test_a_flag_in_redis_from_before_suppresses_no_trigger(connected, shown, redis, clock):
    """Redis counts by the clock of its host: the flag lasts as much longer as that was set back."""
    clock.advance(-HOUR)
    suppress_triggers(JobKind.SYNC, connected.org.id)
    redis.expire(JobKind.SYNC.flag(connected.org.id), HOUR)
    redis.delete("rq:queue:fetches")
    sweep()
    assert queued(redis, "fetches") == 1


def test_a_clock_that_goes_on_costs_nothing(connected, shown, clock):
    clock.advance(30)
    before = connected.item(shown).next_sync_at
    sweep()
    assert connected.item(shown).next_sync_at == before
    assert claims.make_future_due(utcnow()) == set()
