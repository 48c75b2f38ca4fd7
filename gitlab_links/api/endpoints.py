"""/api/orgs/<org_id>/event-endpoints"""

import uuid
from typing import Any

from gitlab_links.accounts.roles import Permission
from gitlab_links.api.answers import location
from gitlab_links.api.blueprints import events, refuses
from gitlab_links.api.paging import listed
from gitlab_links.api.schemas.endpoints import (
    EndpointChangeSchema,
    EndpointEnvelope,
    EndpointSchema,
    EndpointSecretEnvelope,
    EndpointsEnvelope,
    NewEndpointSchema,
    SentEnvelope,
    SentPageEnvelope,
    SentQuery,
    TrialSchema,
)
from gitlab_links.http.access import access
from gitlab_links.http.conditional import locks, set_version
from gitlab_links.http.gitlab_waits import WAITS
from gitlab_links.http.guard import current_principal
from gitlab_links.outgoing.endpoints import (
    EndpointChange,
    NewEndpoint,
    NothingToSign,
    TooManyEndpoints,
    create_endpoint,
    delete_endpoint,
    endpoints_of,
    find_endpoint,
    lock_row,
    rotate_secret,
    update_endpoint,
)
from gitlab_links.outgoing.models import OutgoingEndpoint
from gitlab_links.outgoing.sent_log import EventDeleted, StillWaiting, find_sent, replay, sent_page
from gitlab_links.outgoing.transport import Outcome
from gitlab_links.outgoing.trial import try_endpoint
from gitlab_links.security import CiphertextInvalid, EncryptionKeyInvalid, EncryptionKeyMissing

PATH = "/api/orgs/<uuid:org_id>/event-endpoints"
ONE = f"{PATH}/<uuid:endpoint_id>"
KEYS = (EncryptionKeyMissing, EncryptionKeyInvalid)


@events.get(PATH)
@access(Permission.ENDPOINTS)
@events.returns(200, EndpointsEnvelope)
def endpoints_get(org_id: uuid.UUID) -> dict[str, Any]:
    """List the endpoints that events are sent to"""
    return {"endpoints": endpoints_of(org_id)}


@events.post(PATH)
@access(Permission.ENDPOINTS)
@events.body(NewEndpointSchema)
@events.returns(201, EndpointSecretEnvelope)
@refuses(TooManyEndpoints, *KEYS)
def endpoints_post(new: dict[str, Any], org_id: uuid.UUID) -> Any:
    """Create an endpoint

    The secret is only in this answer. Events from now on are sent; earlier ones are in the feed.
    """
    made = create_endpoint(current_principal(), new.pop("format"), EndpointChange(**new))
    where = location("events.endpoint_get", org_id=org_id, endpoint_id=made.endpoint.id)
    return {"endpoint": _with_secret(made)}, 201, where


@events.get(ONE)
@access(Permission.ENDPOINTS)
@events.returns(200, EndpointEnvelope)
def endpoint_get(org_id: uuid.UUID, endpoint_id: uuid.UUID) -> dict[str, Any]:
    """Show an endpoint"""
    return _shown(find_endpoint(org_id, endpoint_id))


@events.patch(ONE)
@access(Permission.ENDPOINTS)
@locks(lock_row)
@events.body(EndpointChangeSchema)
@events.returns(200, EndpointEnvelope)
@refuses(*KEYS)
def endpoint_patch(
    change: dict[str, Any], org_id: uuid.UUID, endpoint_id: uuid.UUID
) -> dict[str, Any]:
    """Change an endpoint

    An endpoint that is enabled again gets what waited for it; events that happened while it was
    disabled are only in the feed.
    """
    return _shown(update_endpoint(current_principal(), endpoint_id, EndpointChange(**change)))


@events.delete(ONE)
@access(Permission.ENDPOINTS)
@locks(lock_row)
@events.returns(204)
def endpoint_delete(org_id: uuid.UUID, endpoint_id: uuid.UUID) -> None:
    """Delete an endpoint with its log"""
    delete_endpoint(current_principal(), endpoint_id)


@events.post(f"{ONE}/secret")
@access(Permission.ENDPOINTS)
@events.returns(200, EndpointSecretEnvelope)
@refuses(NothingToSign, *KEYS)
def endpoint_secret_post(org_id: uuid.UUID, endpoint_id: uuid.UUID) -> dict[str, Any]:
    """Replace the secret of an endpoint

    It is only in this answer. For 24 hours requests have a signature by the former one as well.
    """
    return {"endpoint": _with_secret(rotate_secret(current_principal(), endpoint_id))}


@events.post(f"{ONE}/test")
@access(Permission.ENDPOINTS)
@events.returns(200, TrialSchema)
@refuses(CiphertextInvalid, *KEYS, *WAITS)
def endpoint_test_post(org_id: uuid.UUID, endpoint_id: uuid.UUID) -> Outcome:
    """Send a test to an endpoint, and wait for its answer

    Its type is `endpoint.test`. It is in no log, and never counts as a failure.
    """
    return try_endpoint(current_principal(), endpoint_id)


@events.get(f"{ONE}/deliveries")
@access(Permission.ENDPOINTS)
@events.query(SentQuery)
@events.returns(200, SentPageEnvelope)
def endpoint_deliveries_get(
    query: dict[str, Any], org_id: uuid.UUID, endpoint_id: uuid.UUID
) -> dict[str, Any]:
    """List what was and is to be sent to an endpoint, newest first"""
    status = query["status"]
    return listed(
        "deliveries", query, lambda **page: sent_page(org_id, endpoint_id, status=status, **page)
    )


@events.get(f"{ONE}/deliveries/<uuid:sent_id>")
@access(Permission.ENDPOINTS)
@events.returns(200, SentEnvelope)
def endpoint_delivery_get(
    org_id: uuid.UUID, endpoint_id: uuid.UUID, sent_id: uuid.UUID
) -> dict[str, Any]:
    """Show an event for an endpoint, with its attempts"""
    return {"delivery": find_sent(org_id, endpoint_id, sent_id)}


@events.post(f"{ONE}/deliveries/<uuid:sent_id>/replay")
@access(Permission.ENDPOINTS)
@events.returns(202, SentEnvelope)
@refuses(StillWaiting, EventDeleted)
def endpoint_delivery_replay_post(
    org_id: uuid.UUID, endpoint_id: uuid.UUID, sent_id: uuid.UUID
) -> dict[str, Any]:
    """Send an event to an endpoint once more

    With the same id and the present secret. It never counts as a failure of the endpoint.
    """
    return {"delivery": replay(current_principal(), endpoint_id, sent_id)}


def _shown(endpoint: OutgoingEndpoint) -> dict[str, Any]:
    """One endpoint. What is sent changes it without a user: If-Match compares its settings."""
    set_version(
        endpoint.url_ciphertext,
        endpoint.description,
        endpoint.types,
        endpoint.projects,
        endpoint.highlights_only,
        endpoint.enabled,
    )
    return {"endpoint": endpoint}


def _with_secret(made: NewEndpoint) -> dict[str, Any]:
    shown = {name: getattr(made.endpoint, name) for name in EndpointSchema._declared_fields}
    return {**shown, "secret": made.secret}
