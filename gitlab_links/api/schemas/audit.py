"""Audit events."""

from marshmallow import fields

from gitlab_links.api.schemas.common import Answer, Page, described, envelope, page_of
from gitlab_links.api.schemas.fields import Time, choice, sought
from gitlab_links.audit.changes import Action
from gitlab_links.audit.models import ActorKind


class AuditEventSchema(Answer):
    """One change."""

    id = fields.UUID()
    action = choice(Action)
    actor = choice(
        ActorKind,
        attribute="kind",
        metadata=described("A person, the operator with a command, the service, or a status rule."),
    )
    actor_user_id = fields.UUID(
        allow_none=True,
        metadata=described("Null for operator and service, and for a deleted user."),
    )
    actor_api_key_id = fields.UUID(
        allow_none=True, metadata=described("Null for a browser session.")
    )
    target_type = fields.String(allow_none=True, metadata={"example": "api_key"})
    target_id = fields.String(allow_none=True)
    detail = fields.Dict(
        keys=fields.String(),
        values=fields.Raw(),
        metadata=described("What was changed; never a secret.", {"name": "CI"}),
    )
    created_at = Time()


AuditEventEnvelope = envelope("AuditEventEnvelope", event=AuditEventSchema)
AuditEventsEnvelope = page_of("AuditEventsEnvelope", events=AuditEventSchema)


class AuditQuery(Page):
    """Which audit events to list."""

    action = choice(Action, load_default=None)
    actor_user_id = fields.UUID(load_default=None)
    target_id = sought()
