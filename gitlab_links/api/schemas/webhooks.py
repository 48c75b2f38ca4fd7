"""Deliveries, and the answer to GitLab."""

from marshmallow import fields, validate

from gitlab_links.api.schemas.common import Page, Strict, described, next_cursor
from gitlab_links.api.schemas.fields import LINE, Time, WholeNumber, choice, text
from gitlab_links.gitlab.items import ItemType
from gitlab_links.webhooks.intake import Intake
from gitlab_links.webhooks.models import DeliveryStatus


class AcceptedSchema(Strict):
    """What became of a webhook request."""

    status = choice(Intake, required=True)
    delivery_id = fields.UUID(required=True)


class DeliverySchema(Strict):
    """One webhook request as kept."""

    id = fields.UUID(required=True)
    status = choice(DeliveryStatus, required=True)
    event = fields.String(required=True, allow_none=True, metadata={"example": "Issue Hook"})
    object_kind = fields.String(required=True, allow_none=True, metadata={"example": "issue"})
    action = fields.String(required=True, allow_none=True, metadata={"example": "update"})
    project_path = fields.String(required=True, allow_none=True, metadata={"example": "acme/app"})
    gitlab_type = choice(ItemType, required=True, allow_none=True)
    gitlab_iid = fields.Integer(required=True, allow_none=True, metadata={"example": 7})
    received_at = Time(required=True)
    processed_at = Time(required=True, allow_none=True)
    attempts = fields.Integer(required=True)
    error_code = fields.String(required=True, allow_none=True)
    links_matched = fields.Integer(required=True)
    size_bytes = fields.Integer(required=True)
    payload_sha256 = fields.String(required=True)


class DeliveryWithPayload(DeliverySchema):
    """One webhook request with its body."""

    payload = fields.Raw(
        allow_none=True,
        metadata=described(
            "The JSON that GitLab sent; left out once it is no longer kept.",
            {"object_kind": "issue"},
        ),
    )


class DeliveryEnvelope(Strict):
    """One delivery."""

    delivery = fields.Nested(DeliverySchema, required=True)


class DeliveryWithPayloadEnvelope(Strict):
    """One delivery with its body."""

    delivery = fields.Nested(DeliveryWithPayload, required=True)


class DeliveriesEnvelope(Strict):
    """A page of deliveries."""

    deliveries = fields.List(fields.Nested(DeliverySchema), required=True)
    next_cursor = next_cursor()


class DeliveriesQuery(Page):
    """Which deliveries to list."""

    status = choice(DeliveryStatus, load_default=None)
    event = text(1, 100, LINE, load_default=None, metadata={"example": "Issue Hook"})
    object_kind = text(1, 100, LINE, load_default=None, metadata={"example": "issue"})
    project_path = text(1, 500, LINE, load_default=None, metadata={"example": "acme/app"})
    gitlab_type = choice(ItemType, load_default=None)
    gitlab_iid = WholeNumber(load_default=None, validate=validate.Range(1, 10**17))
