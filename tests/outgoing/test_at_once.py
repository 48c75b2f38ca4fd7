"""What is done to endpoints at once: the second one waits, and finds what the first did."""

import pytest
from sqlalchemy import func, select

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.integrations.policy import PolicyChange
from gitlab_links.outgoing import claims, endpoints
from gitlab_links.outgoing.alerts import update_policy
from gitlab_links.outgoing.endpoints import (
    EndpointChange,
    TooManyEndpoints,
    create_endpoint,
    lock_endpoint,
    update_endpoint,
)
from gitlab_links.outgoing.models import Format, OutgoingEndpoint
from gitlab_links.outgoing.outbox import publish_and_send
from gitlab_links.outgoing.outcomes import Sent, save
from gitlab_links.outgoing.transport import Outcome
from tests.beside import Beside
from tests.lock_waits import wait_for_somebody_to_wait

# On SQLite one waits for the other from the first word on.
pytestmark = pytest.mark.only_on("postgresql")


def count():
    found = db.session.scalar(select(func.count()).select_from(OutgoingEndpoint))
    db.session.rollback()
    return found


def test_an_org_gets_no_more_endpoints_than_it_may_have(office, monkeypatch):
    monkeypatch.setattr(endpoints, "MOST_OF_AN_ORG", 1)
    change = EndpointChange(url=office.receiver.url("good"))

    def create():
        create_endpoint(office.principal, Format.STANDARD, change)

    create()
    second = Beside(office.app, create)
    wait_for_somebody_to_wait()
    db.session.commit()
    assert [type(error) for error in second.end()] == [TooManyEndpoints]
    assert count() == 1


def test_an_org_gets_one_address_for_alerts(office, factory):
    factory.integration(office.org)

    def set_address():
        update_policy(office.principal, PolicyChange(), office.receiver.url("good"))

    set_address()
    second = Beside(office.app, set_address)
    wait_for_somebody_to_wait()
    db.session.commit()
    assert second.end() == []
    assert count() == 1


def test_an_event_that_is_published_while_the_endpoint_is_turned_on_is_sent(office, receiver):
    endpoint_id = office.endpoint("gone").endpoint.id
    receiver.answers["gone"] = 410
    office.tasks("One")
    office.work()
    receiver.answers["gone"] = 200
    office.tasks("Two")
    update_endpoint(office.principal, endpoint_id, EndpointChange(enabled=True))
    second = Beside(office.app, lambda: publish_and_send(office.org.id))
    wait_for_somebody_to_wait()
    db.session.commit()
    assert second.end() == []
    office.send()
    assert [one.status for one in office.sent()] == ["delivered", "delivered"]


def test_a_late_outcome_is_saved_while_another_worker_renews_its_lease(office, clock):
    office.endpoint()
    office.tasks("One")
    office.publish()
    (endpoint,) = claims.claim_endpoints(utcnow(), 5, slow=5)
    (taken,) = claims.claim_batch(endpoint, utcnow())
    sent = Sent(endpoint.id, taken.id, taken.attempts, Outcome(1.0, 200))
    leases = {endpoint.id: utcnow() + claims.LEASE}
    db.session.commit()

    lock_endpoint(office.org.id, endpoint.id)
    late = Beside(office.app, lambda: save([sent], utcnow()))
    wait_for_somebody_to_wait()
    assert claims.keep(leases, utcnow()).keys() == leases.keys()
    db.session.commit()

    assert late.end() == []
    assert office.sent()[0].status == "delivered"
