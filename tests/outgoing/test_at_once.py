"""Endpoints made and turned on at once: the second one waits, and finds what the first did."""

import pytest
from sqlalchemy import func, select

from gitlab_links.extensions import db
from gitlab_links.integrations.policy import PolicyChange
from gitlab_links.outgoing import endpoints
from gitlab_links.outgoing.alerts import update_policy
from gitlab_links.outgoing.endpoints import (
    EndpointChange,
    TooManyEndpoints,
    create_endpoint,
    update_endpoint,
)
from gitlab_links.outgoing.models import Format, OutgoingEndpoint
from gitlab_links.outgoing.outbox import publish_and_send
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
