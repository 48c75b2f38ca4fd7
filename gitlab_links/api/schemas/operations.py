"""What a worker does in GitLab, step by step."""

from marshmallow import fields

from gitlab_links.api.schemas.common import Answer, described, envelope
from gitlab_links.api.schemas.fields import Time, choice
from gitlab_links.operations.models import OperationKind, OperationStatus


class OperationStepSchema(Answer):
    """A step that was begun."""

    step = fields.String(metadata={"example": "testing"})
    at = fields.String(metadata={"format": "date-time", "example": "2026-11-29T12:00:00Z"})


class OperationSchema(Answer):
    """An operation and how far it has come."""

    id = fields.UUID()
    kind = choice(OperationKind)
    subject = fields.String(metadata=described("A project path, or empty.", "acme/app"))
    status = choice(
        OperationStatus,
        metadata=described("`done` and `failed` are the ends; ask again until then."),
    )
    steps = fields.List(fields.Nested(OperationStepSchema))
    result = fields.Dict(
        allow_none=True,
        metadata=described(
            "What came of it. `make_hook` and `repair_hook`: `created`, `tested` (GitLab sent an "
            "event at once, which was taken here) and `resent` (failed events sent once more). "
            "`rotate_token`, and `renew_token` which the service begins itself: "
            "`token_expires_at`.",
            {"created": True, "tested": True, "resent": 0},
        ),
    )
    error_code = fields.String(
        allow_none=True,
        metadata=described("Why it failed, as the refusals of requests.", "hook_not_allowed"),
    )
    error_detail = fields.String(allow_none=True)
    created_at = Time()
    started_at = Time(allow_none=True)
    finished_at = Time(allow_none=True)


OperationEnvelope = envelope("OperationEnvelope", operation=OperationSchema)
