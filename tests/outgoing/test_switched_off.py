"""An endpoint that the service has switched off, and the correction of its address."""

from datetime import timedelta

import pytest

from gitlab_links.audit.changes import SERVICE
from gitlab_links.clock import utcnow
from gitlab_links.config.setting_values import DAY
from gitlab_links.events.models import EventType
from gitlab_links.events.recording import NewEvent, record
from gitlab_links.extensions import db
from gitlab_links.integrations.policy import PolicyChange
from gitlab_links.outgoing import waiting
from gitlab_links.outgoing.alerts import update_policy
from gitlab_links.outgoing.endpoints import EndpointChange, troubled_endpoints, update_endpoint
from gitlab_links.outgoing.models import OutgoingEndpoint
from gitlab_links.outgoing.sent_log import forget_old_deliveries
from gitlab_links.outgoing.waiting import waiting_for
from gitlab_links.pages.orgs.endpoint_forms import state_words

HEALTH = {"code": "token_invalid", "summary": "The token has expired."}


@pytest.fixture
def gone(office, receiver, factory):
    """The address for health alerts, which has answered 410."""
    factory.integration(office.org)
    receiver.answers["gone"] = 410
    send_alerts_to(office, "gone")
    something_is_wrong(office)
    found = db.session.scalars(db.select(OutgoingEndpoint)).one()
    assert not found.enabled
    return found


def send_alerts_to(office, name):
    update_policy(office.principal, PolicyChange(), office.receiver.url(name))
    db.session.commit()


def something_is_wrong(office):
    changes = {"open": [False, True]}
    kind = EventType.CONNECTION_HEALTH_CHANGED
    record(office.org.id, SERVICE, NewEvent(kind, changes=changes, detail=HEALTH))
    db.session.commit()
    office.work()


def words(office, endpoint):
    fresh = office.fresh(endpoint)
    return state_words(fresh, waiting_for(fresh), 30)


def test_who_corrects_the_address_of_alerts_gets_alerts_again(office, receiver, gone):
    send_alerts_to(office, "good")
    something_is_wrong(office)
    # What the former address refused is sent as well.
    assert [one.json["summary"] for one in receiver.at("good")] == [HEALTH["summary"]] * 2
    assert words(office, gone) == ""


def test_an_endpoint_with_a_corrected_address_stays_a_finding_until_it_is_on(office, gone):
    update_endpoint(office.principal, gone.id, EndpointChange(url=office.receiver.url("good")))
    db.session.commit()
    assert "It answered 410" in words(office, gone)
    troubled = troubled_endpoints([office.org.id])[office.org.id]
    assert [one.id for one in troubled] == [gone.id]

    update_endpoint(office.principal, gone.id, EndpointChange(enabled=True))
    db.session.commit()
    assert words(office, gone) == ""


def test_however_much_waits_is_sent(office, receiver, gone, monkeypatch):
    monkeypatch.setattr(waiting, "MADE_DUE_AT_ONCE", 2)
    for _ in range(4):
        something_is_wrong(office)
    receiver.answers["gone"] = 200
    switch(office, gone, on=True)
    office.send()
    assert len(receiver.at("gone")) == 1 + 5


def test_turning_it_on_writes_only_what_was_tried(office, gone, clock):
    """Hundreds of thousands may wait: their time is when they happened."""
    for _ in range(4):
        something_is_wrong(office)
    clock.advance(1)
    before = {one.id: one.due_at for one in office.sent()}
    switch(office, gone, on=True)
    written = [one for one in office.sent() if one.due_at != before[one.id]]
    assert [one.attempts for one in office.sent()] == [1, 0, 0, 0, 0]
    assert [one.attempts for one in written] == [1]


def test_what_happens_while_a_person_has_it_off_is_never_sent(office, receiver):
    endpoint = office.endpoint().endpoint
    office.tasks("Before")
    office.publish()
    switch(office, endpoint, on=False)
    office.tasks("Meanwhile")
    office.work()
    assert words(office, endpoint) == (
        "Somebody turned it off. What happens meanwhile is never sent to it. "
        "1 event waits from before, for 30 days, until it is turned on."
    )
    switch(office, endpoint, on=True)
    office.send()
    (got,) = receiver.at("good")
    assert got.json["data"]["changes"]["title"] == [None, "Before"]


def test_what_waits_for_an_endpoint_that_stays_off_is_forgotten_with_the_log(office, gone, clock):
    clock.advance(DAY)
    something_is_wrong(office)
    left = {28: "2 events wait now", 29.5: "1 event waits now", 31: "nothing waits now"}
    for days, said in left.items():
        forget_old_deliveries(utcnow() + timedelta(days=days))
        db.session.commit()
        assert said in words(office, gone)


def switch(office, endpoint, *, on):
    update_endpoint(office.principal, endpoint.id, EndpointChange(enabled=on))
    db.session.commit()
