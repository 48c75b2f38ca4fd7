"""The parts that all schemas share."""

from typing import Any, ClassVar

from marshmallow import RAISE, Schema, fields

from gitlab_links.api.cursors import Cursors
from gitlab_links.api.schemas.fields import Cursor, limit

BY_ID = Cursors()


class Strict(Schema):
    """A schema that refuses unknown fields."""

    class Meta:
        """marshmallow's options."""

        unknown = RAISE


class Answer(Strict):
    """An answer: every field is always present, except those in ``MAY_BE_LEFT_OUT``."""

    MAY_BE_LEFT_OUT: ClassVar[frozenset[str]] = frozenset()

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """See marshmallow."""
        field_obj.required = field_name not in self.MAY_BE_LEFT_OUT


class Page(Strict):
    """The query of a list with one order."""

    limit = limit()
    cursor = Cursor(BY_ID)


class Problem(Strict):
    """An error in the format of RFC 9457. ``code`` is stable; texts are for people."""

    type = fields.String(required=True, metadata={"example": "about:blank"})
    title = fields.String(required=True, metadata={"example": "Unprocessable Entity"})
    status = fields.Integer(required=True, metadata={"example": 422})
    detail = fields.String(required=True, metadata={"example": "Invalid fields: title."})
    code = fields.String(required=True, metadata={"example": "validation_error"})
    former_code = fields.String(
        metadata={
            "description": "The `code` of the previous release; left out if it is the same.",
            "example": "integration_missing",
        }
    )
    link_id = fields.UUID(
        metadata={"description": "With `link_exists`: the link that the task already has."}
    )
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={
            "description": "Messages by field, for invalid fields.",
            "example": {"title": ["Shorter than minimum length 1."]},
        },
    )


def next_cursor() -> fields.String:
    """The cursor of the next page."""
    return fields.String(
        allow_none=True,
        metadata={"description": "The `cursor` of the next page; null on the last page."},
    )


def envelope(name: str, **members: type[Schema]) -> type[Schema]:
    """The schema of this name in the contract: each member is one object."""
    return Answer.from_dict({key: fields.Nested(one) for key, one in members.items()}, name=name)


def page_of(name: str, **lists: type[Schema]) -> type[Schema]:
    """The same of a page: each member is a list, and there is the cursor of the next page."""
    found = {key: fields.List(fields.Nested(one)) for key, one in lists.items()}
    return Answer.from_dict({**found, "next_cursor": next_cursor()}, name=name)


def described(text: str, example: Any = None, **more: Any) -> dict[str, Any]:
    """The metadata of a field: description and example."""
    known = {} if example is None else {"example": example}
    return {"description": text, **known, **more}
