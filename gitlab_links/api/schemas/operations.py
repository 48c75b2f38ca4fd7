"""Operations: changes in GitLab that a worker makes step by step."""

from marshmallow import fields

from gitlab_links.api.schemas.common import Answer, described, envelope
from gitlab_links.api.schemas.fields import Time, choice
from gitlab_links.operations.models import OperationKind, OperationStatus


class OperationStepSchema(Answer):
    """A step that has begun."""

    step = fields.String(metadata={"example": "testing"})
    at = fields.String(metadata={"format": "date-time", "example": "2026-11-29T12:00:00Z"})


class OperationSchema(Answer):
    """An operation and its progress."""

    id = fields.UUID()
    kind = choice(OperationKind)
    subject = fields.String(metadata=described("A project path, or empty.", "acme/app"))
    status = choice(
        OperationStatus,
        metadata=described("Poll until it is `done` or `failed`."),
    )
    steps = fields.List(fields.Nested(OperationStepSchema))
    result = fields.Dict(
        allow_none=True,
        metadata=described(
            "The result. `make_hook` and `repair_hook`: `created`, `tested` (GitLab sent a test "
            "event, and it arrived) and `resent` (the number of failed events sent again). "
            "`rotate_token`, and `renew_token`, which the service starts automatically: "
            "`rotated` (false if somebody had set another token meanwhile) and "
            "`token_expires_at`. `set_tracker`: `changed`. "
            "`remove_hook`: `removed`.",
            {"created": True, "tested": True, "resent": 0},
        ),
    )
    error_code = fields.String(
        allow_none=True,
        metadata=described("Why it failed; the same codes as in errors.", "hook_not_allowed"),
    )
    error_detail = fields.String(allow_none=True)
    created_at = Time()
    started_at = Time(allow_none=True)
    finished_at = Time(allow_none=True)


OperationEnvelope = envelope("OperationEnvelope", operation=OperationSchema)
