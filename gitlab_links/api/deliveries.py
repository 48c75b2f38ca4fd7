"""/api/orgs/<org_id>/deliveries"""

import uuid
from typing import Any

from gitlab_links.accounts.roles import Permission
from gitlab_links.api.blueprints import refuses, webhooks
from gitlab_links.api.paging import listed
from gitlab_links.api.schemas.webhooks import (
    DeliveriesEnvelope,
    DeliveriesQuery,
    DeliveryEnvelope,
    DeliverySchema,
    DeliveryWithPayloadEnvelope,
)
from gitlab_links.deliveries.models import GitLabWebhookDelivery
from gitlab_links.deliveries.queries import DeliveryFilter, deliveries_page, find_delivery
from gitlab_links.deliveries.replay import DeliveryPending, PayloadGone, replay
from gitlab_links.errors import DomainError
from gitlab_links.gitlab.json_body import parse_json
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal


@webhooks.get("/api/orgs/<uuid:org_id>/deliveries")
@access(Permission.DELIVERIES)
@webhooks.query(DeliveriesQuery)
@webhooks.returns(200, DeliveriesEnvelope)
def deliveries_get(query: dict[str, Any], org_id: uuid.UUID) -> dict[str, Any]:
    """List webhook deliveries, newest first"""
    wanted = DeliveryFilter(**{name: query.get(name) for name in DeliveryFilter.__slots__})
    return listed("deliveries", query, lambda **page: deliveries_page(org_id, wanted, **page))


@webhooks.get("/api/orgs/<uuid:org_id>/deliveries/<uuid:delivery_id>")
@access(Permission.DELIVERIES)
@webhooks.returns(200, DeliveryWithPayloadEnvelope)
def delivery_get(org_id: uuid.UUID, delivery_id: uuid.UUID) -> dict[str, Any]:
    """Show a webhook delivery with its body"""
    delivery = find_delivery(org_id, delivery_id)
    shown = {name: getattr(delivery, name) for name in DeliverySchema._declared_fields}
    return {"delivery": {**shown, **_payload(delivery)}}


@webhooks.post("/api/orgs/<uuid:org_id>/deliveries/<uuid:delivery_id>/replay")
@access(Permission.DELIVERIES)
@webhooks.returns(202, DeliveryEnvelope)
@refuses(DeliveryPending, PayloadGone)
def delivery_replay_post(org_id: uuid.UUID, delivery_id: uuid.UUID) -> dict[str, Any]:
    """Have a webhook delivery processed again"""
    return {"delivery": replay(current_principal(), delivery_id)}


def _payload(delivery: GitLabWebhookDelivery) -> dict[str, Any]:
    """The body as JSON, left out if it was deleted or no longer passes today's rules."""
    if delivery.payload is None:
        return {}
    try:
        return {"payload": parse_json(delivery.payload)}
    except DomainError:
        return {}
