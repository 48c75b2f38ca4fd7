"""What all schemas share."""

from typing import Any, ClassVar

from marshmallow import RAISE, Schema, fields

from gitlab_links.api.cursors import Cursors
from gitlab_links.api.schemas.fields import Cursor, limit

BY_ID = Cursors()


class Strict(Schema):
    """A schema that refuses what it does not know."""

    class Meta:
        """marshmallow's options."""

        unknown = RAISE


class Answer(Strict):
    """What is answered: each field is always there, but for those in ``MAY_BE_LEFT_OUT``."""

    MAY_BE_LEFT_OUT: ClassVar[frozenset[str]] = frozenset()

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """See marshmallow."""
        field_obj.required = field_name not in self.MAY_BE_LEFT_OUT


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
        allow_none=True,
        metadata={"description": "Ask again with this `cursor` for more; null at the end."},
    )


def envelope(name: str, **members: type[Schema]) -> type[Schema]:
    """The schema of this name in the contract: each member is one object."""
    return Answer.from_dict({key: fields.Nested(one) for key, one in members.items()}, name=name)


def page_of(name: str, **lists: type[Schema]) -> type[Schema]:
    """The same of a page: each member is a list, and there is the cursor of the next page."""
    found = {key: fields.List(fields.Nested(one)) for key, one in lists.items()}
    return Answer.from_dict({**found, "next_cursor": next_cursor()}, name=name)


def described(text: str, example: Any = None, **more: Any) -> dict[str, Any]:
    """Metadata of a field, short to write."""
    known = {} if example is None else {"example": example}
    return {"description": text, **known, **more}
