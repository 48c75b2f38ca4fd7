"""An endpoint that the service has switched off, and the correction of its address."""

import pytest

from gitlab_links.audit.changes import SERVICE
from gitlab_links.events.models import EventType
from gitlab_links.events.recording import NewEvent, record
from gitlab_links.extensions import db
from gitlab_links.integrations.policy import PolicyChange
from gitlab_links.outgoing.alerts import update_policy
from gitlab_links.outgoing.endpoints import EndpointChange, troubled_endpoints, update_endpoint
from gitlab_links.outgoing.models import OutgoingEndpoint
from gitlab_links.pages.endpoint_forms import state_words

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


def test_who_corrects_the_address_of_alerts_gets_alerts_again(office, receiver, gone):
    send_alerts_to(office, "good")
    something_is_wrong(office)
    assert [one.json["summary"] for one in receiver.at("good")] == [HEALTH["summary"]]
    assert state_words(office.fresh(gone)) == ""


def test_an_endpoint_with_a_corrected_address_stays_a_finding_until_it_is_on(office, gone):
    update_endpoint(office.principal, gone.id, EndpointChange(url=office.receiver.url("good")))
    db.session.commit()
    assert "It answered 410" in state_words(office.fresh(gone))
    troubled = troubled_endpoints([office.org.id])[office.org.id]
    assert [one.id for one in troubled] == [gone.id]

    update_endpoint(office.principal, gone.id, EndpointChange(enabled=True))
    db.session.commit()
    assert state_words(office.fresh(gone)) == ""
