"""Only the worker that has an endpoint's lease renews or ends it."""

import pytest

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.outgoing import claims
from gitlab_links.outgoing.models import OutgoingEndpoint
from tests.beside import Beside
from tests.hanging import HANGS
from tests.patience import equal_within, within


def claim():
    (endpoint,) = claims.claim_endpoints(utcnow(), 5, slow=5)
    claims.claim_batch(endpoint, utcnow())
    db.session.commit()
    return endpoint.id, utcnow() + claims.LEASE


@pytest.fixture
def claimed_twice(office, clock):
    """An endpoint whose lease ran out in a stalled worker's hands, and that another has now:
    the leases of both.
    """
    office.endpoint()
    office.tasks("One")
    office.publish()
    stalled = claim()
    clock.advance(5)
    return stalled, claim()


def leased_until():
    db.session.rollback()
    found = db.session.scalar(db.select(OutgoingEndpoint.leased_until))
    db.session.commit()
    return found


@pytest.mark.differs_by_database
def test_a_worker_that_stalled_does_not_end_the_lease_of_another(claimed_twice):
    stalled, holder = claimed_twice
    claims.release(*stalled)
    db.session.commit()
    assert leased_until() == holder[1]
    claims.release(*holder)
    db.session.commit()
    assert leased_until() is None


@pytest.mark.differs_by_database
def test_a_worker_that_stalled_does_not_renew_the_lease_of_another(office, clock, claimed_twice):
    stalled, holder = claimed_twice
    clock.advance(2)
    assert claims.keep(dict([stalled]), utcnow()) == {}
    db.session.commit()
    assert leased_until() == holder[1]
    assert [one.due_at for one in office.sent()] == [holder[1]]
    kept = claims.keep(dict([holder]), utcnow())
    db.session.commit()
    assert kept == {holder[0]: utcnow() + claims.LEASE}
    assert [one.due_at for one in office.sent()] == [utcnow() + claims.LEASE]


def test_a_worker_that_stalls_does_not_claim_what_it_is_sending(office, receiver, clock):
    office.endpoint("waits")
    office.tasks("One")
    office.publish()

    def stall():
        equal_within(HANGS, lambda: len(receiver.at("waits")), 1)
        clock.advance(5)
        within(HANGS, lambda: leased_until() >= utcnow())
        receiver.gate.set()

    stalling = Beside(office.app, stall)
    office.send()
    assert stalling.end() == []
    assert len(receiver.at("waits")) == 1
    assert [one.status for one in office.sent()] == ["delivered"]
    assert leased_until() is None
