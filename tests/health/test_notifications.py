"""Changes of health are audited and sent to an address of the org's choice, once each."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gitlab_links import __version__
from gitlab_links.clock import utcnow
from gitlab_links.config.allowed_hosts import AllowedHosts
from gitlab_links.extensions import db
from gitlab_links.health.models import HealthProblem
from gitlab_links.integrations.policy import PolicyChange
from gitlab_links.jobs.sweeps import sweep
from gitlab_links.outgoing.alerts import update_policy


@pytest.fixture
def notified(connected, receiver):
    """The org has an address for alerts; nothing is wrong so far."""
    with connected.app.app_context():
        from gitlab_links.health.hook_repair import repair_now

        repair_now(connected.admin, connected.project_id)
        update_policy(connected.admin, PolicyChange(), receiver.url)
        db.session.commit()
    connected.work()
    connected.watch()
    connected.watch()
    assert connected.codes() == []
    receiver.bodies.clear()
    return connected


def expire_in(connected, days):
    connected.change(token_expires_at=utcnow() + timedelta(days=days))


def watch_for(connected, clock, seconds=10, times=1):
    for _ in range(times):
        clock.advance(seconds)
        connected.watch()


def test_a_problem_is_sent_once_and_not_every_minute(notified, receiver, clock):
    expire_in(notified, 6)
    watch_for(notified, clock, seconds=50, times=6)

    (body,) = receiver.bodies
    assert receiver.agents == {f"gitlab_links/{__version__}"}
    assert (body["type"], body["code"], body["severity"]) == (
        "health.problem",
        "token_expires_7d",
        "warning",
    )
    assert body["org_name"] == notified.org.name
    assert body["text"].startswith(
        f"{notified.org.name}: The access token expires within 7 days, on "
    )
    assert body["text"].endswith(f"/orgs/{notified.org.id}/gitlab")
    assert len(notified.audited("health.problem")) == 1


def test_a_recovery_is_sent_when_it_has_lasted(notified, receiver, clock):
    expire_in(notified, 6)
    watch_for(notified, clock)
    expire_in(notified, 300)
    watch_for(notified, clock, times=6)
    assert len(receiver.bodies) == 1

    watch_for(notified, clock, times=8)
    assert receiver.received == [
        ("health.problem", "token_expires_7d"),
        ("health.recovered", "token_expires_7d"),
    ]
    assert receiver.bodies[1]["closed_at"] is not None
    watch_for(notified, clock, seconds=50, times=4)
    assert len(receiver.bodies) == 2


def over_when_the_clock_is_set_back(notified, clock):
    """A problem that was over just before the clock was set back by an hour."""
    expire_in(notified, 6)
    watch_for(notified, clock)
    clock.advance(3600)
    expire_in(notified, 300)
    notified.watch()
    clock.advance(-3600)
    with notified.app.app_context():
        sweep()


def test_a_recovery_is_sent_although_the_clock_was_set_back(notified, receiver, clock):
    over_when_the_clock_is_set_back(notified, clock)
    watch_for(notified, clock)
    assert ("health.recovered", "token_expires_7d") in receiver.received


def test_a_problem_that_returns_after_the_clock_was_set_back_is_sent(notified, receiver, clock):
    over_when_the_clock_is_set_back(notified, clock)
    watch_for(notified, clock)
    expire_in(notified, 6)
    watch_for(notified, clock)
    assert receiver.received.count(("health.problem", "token_expires_7d")) == 2


def test_what_comes_and_goes_is_sent_once(notified, receiver, clock):
    for days in (6, 300) * 4:
        expire_in(notified, days)
        watch_for(notified, clock)

    assert receiver.received == [("health.problem", "token_expires_7d")]
    assert [event["code"] for event in notified.audited("health.problem")].count(
        "token_expires_7d"
    ) == 1
    assert "token_expires_7d" not in [
        event["code"] for event in notified.audited("health.recovered")
    ]


def test_each_threshold_is_sent_once(notified, receiver, clock):
    for days in (25, 20, 6, 5, 0.5):
        expire_in(notified, days)
        watch_for(notified, clock, times=2)

    problems = [code for kind, code in receiver.received if kind == "health.problem"]
    assert problems == ["token_expires_30d", "token_expires_7d", "token_expires_1d"]


def test_an_address_that_fails_is_tried_again(notified, receiver, clock):
    receiver.status = 500
    expire_in(notified, 6)
    watch_for(notified, clock)
    assert len(receiver.bodies) == 1

    receiver.status = 200
    watch_for(notified, clock, seconds=31)
    assert len(receiver.bodies) == 2
    watch_for(notified, clock, seconds=100, times=6)
    assert len(receiver.bodies) == 2


def test_an_internal_address_is_not_connected_to(notified, receiver, clock):
    """What was allowed when it was set may not be any more; the guard decides."""
    settings = notified.app.extensions["settings"]
    none = replace(settings, gitlab_allowed_hosts=AllowedHosts.parse(()))
    notified.app.extensions["settings"] = none
    expire_in(notified, 6)
    watch_for(notified, clock)

    assert "token_expires_7d" in [event["code"] for event in notified.audited("health.problem")]
    assert receiver.bodies == []


def test_without_an_address_it_is_audited_and_shown_all_the_same(connected, receiver, clock):
    expire_in(connected, 6)
    watch_for(connected, clock)
    expire_in(connected, 300)
    connected.change(token_check_due_at=utcnow() + timedelta(days=1))
    watch_for(connected, clock, times=15)

    assert "token_expires_7d" in [e["code"] for e in connected.audited("health.problem")]
    assert "token_expires_7d" in [e["code"] for e in connected.audited("health.recovered")]
    assert receiver.bodies == []


def test_nothing_secret_is_sent(notified, receiver, clock):
    from tests.conftest import GITLAB_TOKEN

    expire_in(notified, 6)
    watch_for(notified, clock)

    assert receiver.received == [("health.problem", "token_expires_7d")]
    assert GITLAB_TOKEN not in str(receiver.bodies)
    assert "s3cret" not in str(receiver.bodies)
    (set_up,) = notified.audited("integration.policy_updated")
    assert "s3cret" not in str(set_up)


@pytest.mark.slow
def test_old_problems_are_deleted(notified, clock):
    from gitlab_links.jobs.functions import clean

    expire_in(notified, 6)
    watch_for(notified, clock)
    expire_in(notified, 300)
    watch_for(notified, clock, times=15)
    for days, kept in ((89, ["token_expires_7d"]), (2, [])):
        clock.advance(days * 86_400)
        with notified.app.app_context():
            clean()
            assert db.session.scalars(db.select(HealthProblem.code)).all() == kept


def test_no_check_of_an_org_without_a_connection_fails(app, factory, app_context):
    from gitlab_links.jobs.health_checks import find_due_checks

    factory.integration(factory.org())
    factory.org()
    find_due_checks()
