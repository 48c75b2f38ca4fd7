"""Deliveries, and the answer to GitLab."""

from marshmallow import fields, validate

from gitlab_links.api.schemas.common import Answer, Page, described, envelope, page_of
from gitlab_links.api.schemas.fields import Time, WholeNumber, choice, sought
from gitlab_links.deliveries.intake import Intake
from gitlab_links.deliveries.models import DeliveryStatus, Doubt, Effect, Proof
from gitlab_links.gitlab.items import ItemType


class AcceptedSchema(Answer):
    """The result of a webhook request."""

    status = choice(Intake)
    delivery_id = fields.UUID()


class DeliverySchema(Answer):
    """One webhook request as stored."""

    id = fields.UUID()
    status = choice(DeliveryStatus)
    event = fields.String(allow_none=True, metadata={"example": "Issue Hook"})
    object_kind = fields.String(allow_none=True, metadata={"example": "issue"})
    action = fields.String(allow_none=True, metadata={"example": "update"})
    project_path = fields.String(allow_none=True, metadata={"example": "acme/app"})
    gitlab_type = choice(ItemType, allow_none=True)
    gitlab_iid = fields.Integer(allow_none=True, metadata={"example": 7})
    received_at = Time()
    processed_at = Time(allow_none=True)
    attempts = fields.Integer()
    error_code = fields.String(allow_none=True)
    links_matched = fields.Integer()
    size_bytes = fields.Integer()
    payload_sha256 = fields.String()
    proof = choice(
        Proof,
        metadata=described(
            "How it was authenticated. `hook`: the secret of one project's hook, which is valid "
            "for that project only. `shared_secret`, `signature`: the secret or key that all "
            "other hooks share; GitLab's API is asked to confirm it within a minute."
        ),
    )
    effect = choice(
        Effect,
        allow_none=True,
        metadata=described(
            "What it did. `fetched`: the item was fetched from GitLab's API. `outdated`: the item "
            "was newer. `none`: the item is not linked."
        ),
    )
    doubt = choice(
        Doubt,
        allow_none=True,
        metadata=described(
            "Why its body was not trusted. `contradicted`: GitLab's API gave different data "
            "afterwards. `distrusted`: an event of this project with the same secret was "
            "contradicted. `other_instance`: another GitLab sent it. `other_project`: its secret "
            "belongs to another project's hook. `unknown_project`: the id of the linked project "
            "is not known yet."
        ),
    )
    request_id = fields.String(
        allow_none=True,
        metadata=described("The `X-Request-ID` of our answer, also in our log.", "5f2a9c1e77"),
    )
    event_uuid = fields.String(
        allow_none=True,
        metadata=described(
            "GitLab's `X-Gitlab-Event-UUID`.", "13792a34-cac6-4fda-95a8-c58e00a3954e"
        ),
    )
    webhook_uuid = fields.String(
        allow_none=True,
        metadata=described(
            "GitLab's `X-Gitlab-Webhook-UUID`.", "6f5b7a1e-5a1c-4b0e-9d53-0f0e4bb4c4a1"
        ),
    )
    webhook_id = fields.String(
        allow_none=True,
        metadata=described(
            "GitLab's `webhook-id` or `Idempotency-Key`: the same at each attempt.",
            "f5e5f430-f57b-4e6e-9fac-d9128cd7232f",
        ),
    )
    changes = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.Raw(allow_none=True)),
        allow_none=True,
        metadata=described(
            "The fields of the item that its body changed, with the values before and after.",
            {"state": ["opened", "closed"]},
        ),
    )


class DeliveryWithPayload(DeliverySchema):
    """One webhook request with its body."""

    MAY_BE_LEFT_OUT = frozenset({"payload"})

    payload = fields.Raw(
        allow_none=True,
        metadata=described(
            "The JSON that GitLab sent; left out once it is deleted.",
            {"object_kind": "issue"},
        ),
    )


DeliveryEnvelope = envelope("DeliveryEnvelope", delivery=DeliverySchema)
DeliveryWithPayloadEnvelope = envelope("DeliveryWithPayloadEnvelope", delivery=DeliveryWithPayload)
DeliveriesEnvelope = page_of("DeliveriesEnvelope", deliveries=DeliverySchema)


class DeliveriesQuery(Page):
    """Which deliveries to list."""

    status = choice(DeliveryStatus, load_default=None)
    event = sought(metadata={"example": "Issue Hook"})
    object_kind = sought(metadata={"example": "issue"})
    project_path = sought(metadata={"example": "acme/app"})
    gitlab_type = choice(ItemType, load_default=None)
    request_id = sought(metadata={"example": "5f2a9c1e77"})
    event_uuid = sought(metadata={"example": "13792a34-cac6"})
    gitlab_iid = WholeNumber(load_default=None, validate=validate.Range(1, 10**17))
