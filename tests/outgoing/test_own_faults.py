"""What this service fails at itself delays no other event, no other endpoint and no other org."""

from datetime import timedelta

import pytest
from sqlalchemy import text, update

from gitlab_links.audit.changes import SERVICE
from gitlab_links.events.models import Event, EventType
from gitlab_links.events.recording import NewEvent, record
from gitlab_links.extensions import db
from gitlab_links.jobs import outgoing
from gitlab_links.outgoing.models import Format
from gitlab_links.outgoing.outcomes import FAULT
from gitlab_links.outgoing.requests import requests_for
from gitlab_links.outgoing.retries import MAX_ATTEMPTS
from gitlab_links.outgoing.sent_log import replay
from tests.outgoing.conftest import Office


@pytest.fixture
def other(office, receiver, factory):
    """Another org, with an endpoint and an event for it."""
    org = factory.org()
    made = Office(office.app, org, factory.principal(org), receiver, factory)
    made.endpoint("other")
    made.tasks("Fine")
    made.publish()
    return made


@pytest.fixture
def odd(office):
    """Tasks before and after a change that has no value after it, for a chat."""
    made = office.endpoint("chat", Format.CHAT, highlights_only=False)
    office.tasks("Before")
    record(
        office.org.id,
        SERVICE,
        NewEvent(EventType.TASK_STATUS_CHANGED, None, None, None, {"status": []}),
    )
    office.tasks("After")
    office.publish()
    return made


def test_a_chat_gets_a_line_about_a_type_of_a_newer_release(office, receiver):
    office.endpoint("chat", Format.CHAT, highlights_only=False)
    office.tasks("One")
    office.publish()
    db.session.execute(update(Event).values(type="task.archived"))
    db.session.commit()
    office.send()
    (got,) = receiver.at("chat")
    assert "task.archived (<http" in got.json["text"]


def test_an_event_that_cannot_be_made_is_tried_again_and_the_others_are_sent(
    office, receiver, odd, other, clock, caplog
):
    office.send()
    assert len(receiver.at("chat")) == 2
    assert len(receiver.at("other")) == 1
    assert "outgoing.request_not_made" in caplog.text
    failed = next(one for one in office.sent() if one.status == "waiting")
    assert (failed.attempts, failed.last_error, len(failed.history)) == (1, FAULT, 1)
    for _ in range(MAX_ATTEMPTS):
        clock.advance(timedelta(hours=10).total_seconds())
        office.send()
    failed = next(one for one in office.sent() if one.status != "delivered")
    assert (failed.status, failed.attempts, failed.due_at) == ("failed", MAX_ATTEMPTS, None)
    replay(office.principal, odd.endpoint.id, failed.id)
    db.session.commit()
    office.send()
    failed = next(one for one in office.sent() if one.status != "delivered")
    assert (failed.status, failed.is_replay, failed.due_at) == ("failed", False, None)
    endpoint = office.fresh(odd.endpoint)
    assert (endpoint.enabled, endpoint.failures, endpoint.paused_until) == (True, 0, None)


@pytest.mark.differs_by_database
def test_an_endpoint_whose_statement_fails_delays_no_other(
    office, receiver, other, clock, monkeypatch, caplog
):
    made = office.endpoint("good")
    office.tasks("One")
    office.publish()

    def fails_for_one(endpoint, *facts):
        if endpoint.id == made.endpoint.id:
            db.session.execute(text("SELECT nothing_of_the_kind"))
        return requests_for(endpoint, *facts)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(outgoing, "requests_for", fails_for_one)
        office.send()
    assert len(receiver.at("other")) == 1
    assert receiver.at("good") == []
    assert "job.step_failed" in caplog.text
    clock.advance(5)
    office.send()
    assert len(receiver.at("good")) == 1
    assert {(one.status, one.attempts) for one in office.sent()} == {("delivered", 1)}
