"""Audit events."""

from marshmallow import fields

from gitlab_links.api.schemas.common import Page, Strict, described, next_cursor
from gitlab_links.api.schemas.fields import LINE, Time, choice, text
from gitlab_links.audit.models import ActorKind
from gitlab_links.audit.operations import Action


class AuditEventSchema(Strict):
    """One change."""

    id = fields.UUID(required=True)
    action = choice(Action, required=True)
    actor = choice(
        ActorKind,
        required=True,
        attribute="kind",
        metadata=described("A person, the operator by a command, or the service by itself."),
    )
    actor_user_id = fields.UUID(
        required=True,
        allow_none=True,
        metadata=described("Null for operator and service, and for a user who is gone."),
    )
    actor_api_key_id = fields.UUID(
        required=True, allow_none=True, metadata=described("Null for a browser session.")
    )
    target_type = fields.String(required=True, allow_none=True, metadata={"example": "api_key"})
    target_id = fields.String(required=True, allow_none=True)
    detail = fields.Dict(
        keys=fields.String(),
        values=fields.Raw(),
        required=True,
        metadata=described("What was changed; never a secret.", {"name": "CI"}),
    )
    created_at = Time(required=True)


class AuditEventEnvelope(Strict):
    """One audit event."""

    event = fields.Nested(AuditEventSchema, required=True)


class AuditEventsEnvelope(Strict):
    """A page of audit events."""

    events = fields.List(fields.Nested(AuditEventSchema), required=True)
    next_cursor = next_cursor()


class AuditQuery(Page):
    """Which audit events to list."""

    action = choice(Action, load_default=None)
    actor_user_id = fields.UUID(load_default=None)
    target_id = text(1, 64, LINE, load_default=None)
