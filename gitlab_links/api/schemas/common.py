"""What all schemas share."""

from typing import Any

from marshmallow import RAISE, Schema, fields

from gitlab_links.api.cursors import Cursors
from gitlab_links.api.schemas.fields import Cursor, limit

BY_ID = Cursors()


class Strict(Schema):
    """A schema that refuses what it does not know."""

    class Meta:
        """marshmallow's options."""

        unknown = RAISE


class Page(Strict):
    """The query of a list that has one order."""

    limit = limit()
    cursor = Cursor(BY_ID)


class Problem(Strict):
    """An error as RFC 9457 tells it. ``code`` is stable; texts are for people."""

    type = fields.String(required=True, metadata={"example": "about:blank"})
    title = fields.String(required=True, metadata={"example": "Unprocessable Entity"})
    status = fields.Integer(required=True, metadata={"example": 422})
    detail = fields.String(required=True, metadata={"example": "Not as it should be: title."})
    code = fields.String(required=True, metadata={"example": "validation_error"})
    former_code = fields.String(
        metadata={
            "description": "What `code` was in the release before; left out where it is the same.",
            "example": "integration_missing",
        }
    )
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={
            "description": "Messages by field, where fields are at fault.",
            "example": {"title": ["Shorter than minimum length 1."]},
        },
    )


def next_cursor() -> fields.String:
    """The cursor of the next page."""
    return fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Ask again with this `cursor` for more; null at the end."},
    )


def described(text: str, example: Any = None, **more: Any) -> dict[str, Any]:
    """Metadata of a field, short to write."""
    known = {} if example is None else {"example": example}
    return {"description": text, **known, **more}
