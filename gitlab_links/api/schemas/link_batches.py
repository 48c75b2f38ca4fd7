"""Linking several items in one call."""

from enum import StrEnum

from marshmallow import fields, validate

from gitlab_links.api.schemas.common import Answer, Strict, described
from gitlab_links.api.schemas.fields import choice
from gitlab_links.api.schemas.links import LinkSchema, NewLink
from gitlab_links.pasting.changes import MOST_AT_ONCE


class LinkOutcome(StrEnum):
    """What became of one of several."""

    LINKED = "linked"
    EXISTED = "existed"
    REFUSED = "refused"


class NewLinks(Strict):
    """Several items to link."""

    links = fields.List(
        fields.Nested(NewLink),
        required=True,
        validate=validate.Length(1, MOST_AT_ONCE),
        metadata=described("Each by `url`, or by `project_path`, `type` and `iid`."),
    )
    all_or_none = fields.Boolean(
        load_default=False,
        truthy={True},
        falsy={False},
        metadata=described("Whether to link none if one is refused."),
    )


class LinkResult(Answer):
    """What became of one of them; a result has the place of its item in the request."""

    outcome = choice(LinkOutcome)
    link = fields.Nested(
        LinkSchema,
        allow_none=True,
        metadata=described("The new link or that which existed; null if refused."),
    )
    code = fields.String(
        allow_none=True, metadata=described("Why it was refused: a `url_*` code.", "url_invalid")
    )
    detail = fields.String(allow_none=True, metadata={"example": "It is not text."})


class BatchEnvelope(Answer):
    """A result for each, in the order of the request."""

    results = fields.List(fields.Nested(LinkResult))
