"""One fetcher per integration at a time, and never blocked for long."""

import threading

import pytest

from gitlab_links.extensions import db
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.sync import lease as leases
from tests.sync.conftest import BASE_URL, NOON, at

pytestmark = pytest.mark.differs_by_database


def acquire(org, now=NOON):
    lease = leases.acquire(org.id, now)
    db.session.commit()
    return lease


def test_only_one_has_the_lease(org, integration, app_context):
    assert acquire(org) is not None
    assert acquire(org, at(29)) is None


def test_of_sixteen_at_once_one_gets_the_lease(app, org, integration):
    start, won = threading.Barrier(16), []

    def compete():
        with app.app_context():
            start.wait()
            if acquire(org) is not None:
                won.append(1)

    threads = [threading.Thread(target=compete) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [1]


def test_a_lease_whose_holder_died_runs_out(org, integration, app_context):
    acquire(org)
    assert acquire(org, at(30)) is not None


def test_a_released_lease_can_be_taken_at_once(org, integration, app_context):
    leases.release(acquire(org))
    db.session.commit()
    assert acquire(org, at(1)) is not None


def test_a_renewed_lease_lasts_longer(org, integration, app_context):
    lease = leases.renew(acquire(org), at(20))
    db.session.commit()
    assert lease.until == at(50)
    assert acquire(org, at(40)) is None


def test_who_lost_the_lease_can_neither_renew_nor_release_it(org, integration, app_context):
    lost = acquire(org)
    taken = acquire(org, at(31))
    assert leases.renew(lost, at(32)) is None
    leases.release(lost)
    db.session.commit()
    found = db.session.get(OrgGitLabIntegration, integration.id, populate_existing=True)
    assert found.sync_leased_until == taken.until


@pytest.mark.parametrize(
    "state",
    [
        {"token_ciphertext": None},
        {"base_url": None},
        {"paused_until": at(1)},
    ],
)
def test_a_connection_that_may_not_be_used_gives_no_lease(org, factory, app_context, state):
    factory.integration(
        org, **{"base_url": BASE_URL, "token_ciphertext": "not decrypted here"} | state
    )
    assert acquire(org) is None
    assert not leases.may_call(org.id, NOON)


def test_an_org_without_a_connection_gives_no_lease(org, app_context):
    assert acquire(org) is None
    assert not leases.may_call(org.id, NOON)


def test_taking_a_lease_does_not_look_like_a_change_of_configuration(org, integration, app_context):
    leases.release(acquire(org))
    db.session.commit()
    found = db.session.get(OrgGitLabIntegration, integration.id, populate_existing=True)
    assert found.updated_at == integration.updated_at
