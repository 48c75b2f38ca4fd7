"""Endpoints that events are sent to, and the log of what was sent."""

from datetime import datetime
from typing import Any

from marshmallow import fields, validate

from gitlab_links.api.schemas.common import Answer, Page, Strict, described, envelope, page_of
from gitlab_links.api.schemas.fields import LINE, Time, choice, text
from gitlab_links.events.models import EventType
from gitlab_links.outgoing.models import Format, OutgoingStatus

_TYPES = described("Only these types; none: all.", ["link.created", "link.removed"])
_PROJECTS = described("Ids of projects: only events of their items. None: all.", [])
_HIGHLIGHTS = described(
    "Only what people want to read: merged, failing, done by a rule, and the connection's health.",
    False,
)


class EndpointSchema(Answer):
    """An endpoint. Of its address only the host is shown, because the rest may be a secret."""

    id = fields.UUID()
    description = fields.String(metadata={"example": "Build lights"})
    format = choice(Format)
    url_host = fields.String(metadata={"example": "hooks.example.com"})
    types = fields.List(fields.String(), metadata=_TYPES)
    projects = fields.List(fields.String(), metadata=_PROJECTS)
    highlights_only = fields.Boolean(metadata=_HIGHLIGHTS)
    enabled = fields.Boolean()
    disabled_at = Time(
        allow_none=True, metadata=described("When the service disabled it; else null.")
    )
    disabled_reason = fields.String(allow_none=True, metadata={"example": None})
    failing_since = Time(
        allow_none=True,
        metadata=described(
            "The first failure in a row; later if nothing was sent for hours in between."
        ),
    )
    last_failure = fields.String(allow_none=True, metadata={"example": "It answered 500."})
    last_success_at = Time(allow_none=True)
    paused_until = Time(
        allow_none=True, metadata=described("Nothing is sent before; after failures in a row.")
    )
    former_secret_until = Time(
        allow_none=True, metadata=described("Until then the former secret signs as well.")
    )
    created_at = Time()


class EndpointSecretSchema(EndpointSchema):
    """An endpoint with its new secret."""

    secret = fields.String(
        allow_none=True,
        metadata=described(
            "For the libraries of Standard Webhooks. It is only in this answer; null for a chat.",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ),
    )


EndpointEnvelope = envelope("EndpointEnvelope", endpoint=EndpointSchema)
EndpointSecretEnvelope = envelope("EndpointSecretEnvelope", endpoint=EndpointSecretSchema)


class EndpointsEnvelope(Answer):
    """All endpoints of the org."""

    endpoints = fields.List(fields.Nested(EndpointSchema))


def _url(**options: Any) -> fields.String:
    return text(
        1,
        2000,
        LINE,
        metadata=described(
            "By https; internal addresses only if the operator allows them.",
            "https://hooks.example.com/gitlab-links",
        ),
        **options,
    )


def _types() -> "fields.List[Any]":
    most = validate.Length(0, len(EventType))
    return fields.List(choice(EventType), validate=most, metadata=_TYPES)


def _projects() -> "fields.List[Any]":
    return fields.List(fields.UUID(), validate=validate.Length(0, 200), metadata=_PROJECTS)


class EndpointChangeSchema(Strict):
    """What to change."""

    url = _url()
    description = text(0, 200, LINE)
    types = _types()
    projects = _projects()
    highlights_only = fields.Boolean(metadata=_HIGHLIGHTS)
    enabled = fields.Boolean()


class NewEndpointSchema(Strict):
    """A new endpoint."""

    url = _url(required=True)
    format = choice(
        Format,
        load_default=Format.STANDARD,
        metadata=described(
            "`standard`: signed JSON by Standard Webhooks. `chat`: messages as Slack, Mattermost, "
            "Rocket.Chat and Discord (`/slack`) take them; only highlights unless you choose."
        ),
    )
    description = text(0, 200, LINE)
    types = _types()
    projects = _projects()
    highlights_only = fields.Boolean(metadata=_HIGHLIGHTS)


class _StoredTime(Time):
    """A time that is stored as text."""

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> str | None:
        return super()._serialize(datetime.fromisoformat(value), attr, obj, **kwargs)


class SentAttemptSchema(Answer):
    """One attempt."""

    at = _StoredTime()
    status = fields.Integer(allow_none=True, metadata={"example": 500})
    error = fields.String(allow_none=True, metadata={"example": "It answered 500."})
    seconds = fields.Float(metadata={"example": 0.12})
    replay = fields.Boolean()


class SentSchema(Answer):
    """An event for an endpoint."""

    id = fields.UUID()
    event_id = fields.UUID(metadata=described("The `webhook-id`, the same in each attempt."))
    event_type = choice(EventType)
    position = fields.Integer()
    status = choice(OutgoingStatus)
    attempts = fields.Integer()
    due_at = Time(
        allow_none=True,
        metadata=described(
            "When the next attempt is due, if the endpoint is enabled then; null if it is done."
        ),
    )
    last_attempt_at = Time(allow_none=True)
    last_status = fields.Integer(allow_none=True, metadata={"example": 200})
    last_error = fields.String(allow_none=True)
    last_answer = fields.String(
        allow_none=True, metadata=described("The first 1 KB of the last answer.", "ok")
    )
    history = fields.List(fields.Nested(SentAttemptSchema))
    created_at = Time()


SentEnvelope = envelope("SentEnvelope", delivery=SentSchema)
SentPageEnvelope = page_of("SentPageEnvelope", deliveries=SentSchema)


class SentQuery(Page):
    """Which deliveries to list."""

    status = choice(OutgoingStatus, load_default=None)


class TrialSchema(Answer):
    """What came of a test: `failure` is null if it was accepted."""

    status = fields.Integer(allow_none=True, metadata={"example": 204})
    failure = fields.String(allow_none=True, metadata={"example": None})
    answer = fields.String(metadata=described("The first 1 KB of the answer.", ""))
    seconds = fields.Float(metadata={"example": 0.12})
