"""What a worker does in GitLab, step by step."""

from marshmallow import fields

from gitlab_links.api.schemas.common import Strict, described
from gitlab_links.api.schemas.fields import Time, choice
from gitlab_links.operations.models import OperationKind, OperationStatus


class OperationStepSchema(Strict):
    """A step that was begun."""

    step = fields.String(required=True, metadata={"example": "testing"})
    at = fields.String(
        required=True, metadata={"format": "date-time", "example": "2026-11-29T12:00:00Z"}
    )


class OperationSchema(Strict):
    """An operation and how far it has come."""

    id = fields.UUID(required=True)
    kind = choice(OperationKind, required=True)
    subject = fields.String(
        required=True, metadata=described("A project path, or empty.", "acme/app")
    )
    status = choice(
        OperationStatus,
        required=True,
        metadata=described("`done` and `failed` are the ends; ask again until then."),
    )
    steps = fields.List(fields.Nested(OperationStepSchema), required=True)
    result = fields.Dict(
        required=True,
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
        required=True,
        allow_none=True,
        metadata=described("Why it failed, as the refusals of requests.", "hook_not_allowed"),
    )
    error_detail = fields.String(required=True, allow_none=True)
    created_at = Time(required=True)
    started_at = Time(required=True, allow_none=True)
    finished_at = Time(required=True, allow_none=True)


class OperationEnvelope(Strict):
    """An operation."""

    operation = fields.Nested(OperationSchema, required=True)
