"""Send a test to an endpoint while somebody waits for the answer."""

import uuid
from datetime import datetime

import orjson
from sqlalchemy import select

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.principal import Principal
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db, settings
from gitlab_links.http.gitlab_waits import waiting_for_gitlab
from gitlab_links.job_triggers import JobKind, trigger_after_commit
from gitlab_links.outgoing.alerts import test_alert_body
from gitlab_links.outgoing.chat import plain
from gitlab_links.outgoing.emails import email_of
from gitlab_links.outgoing.endpoints import find_endpoint, lock_endpoint
from gitlab_links.outgoing.models import Format, OutgoingEndpoint
from gitlab_links.outgoing.outcomes import note_success
from gitlab_links.outgoing.requests import signed_request
from gitlab_links.outgoing.signatures import URL, unseal
from gitlab_links.outgoing.transport import Outcome, Request
from gitlab_links.outgoing.waiting import make_waiting_due
from gitlab_links.storage.database import new_id

TEST_TYPE = "endpoint.test"


def try_endpoint(principal: Principal, endpoint_id: uuid.UUID) -> Outcome:
    """Send a test now, which is in no log. If it is accepted, a failing endpoint is no longer
    paused and gets what waits for it; one that is off stays so. The caller commits.

    Raises :class:`NotFound`, the conflicts of encryption keys, and what ``waiting_for_gitlab``
    raises.
    """
    # requests is slow to import, and receiving webhooks does not need it.
    from gitlab_links.outgoing.sending import Network

    endpoint = find_endpoint(principal.org_id, endpoint_id)
    request = _request(endpoint, utcnow())
    network = Network.of_settings()
    db.session.commit()  # no transaction is open during the call
    with waiting_for_gitlab(principal.org_id), network.session() as session:
        outcome = network.send(session, request)
    if outcome.failure is None:
        _end_failures(principal, endpoint_id, outcome)
    return outcome


def _end_failures(principal: Principal, endpoint_id: uuid.UUID, outcome: Outcome) -> None:
    endpoint = lock_endpoint(principal.org_id, endpoint_id)
    if endpoint.enabled and endpoint.failing_since is not None:
        note_success(endpoint, outcome, utcnow())
        make_waiting_due(endpoint_id)
        trigger_after_commit(db.session, JobKind.SEND, principal.org_id)


def _request(endpoint: OutgoingEndpoint, now: datetime) -> Request:
    """A request that says that it is a test, signed as others are."""
    url = unseal(endpoint.url_ciphertext, endpoint.org_id, endpoint.id, URL)
    org_name = db.session.scalar(select(Org.name).where(Org.id == endpoint.org_id)) or ""
    if endpoint.format == Format.CHAT:
        text = f"{plain(org_name)}: this is a test. Events of this org arrive here."
        return Request(url, {}, orjson.dumps({"text": text}))
    message_id = new_id()
    if endpoint.format == Format.EMAIL:
        return Request(
            url, {}, b"", email_of(test_alert_body(endpoint.org_id, message_id, org_name), url)
        )
    body = {
        "id": message_id,
        "type": TEST_TYPE,
        "timestamp": now,
        "version": 1,
        "org_id": endpoint.org_id,
        "data": {"url": f"{settings().public_base_url}/orgs/{endpoint.org_id}/endpoints"},
    }
    encoded = orjson.dumps(body, option=orjson.OPT_UTC_Z)
    return signed_request(endpoint, url, str(message_id), encoded, now)
