"""Projects to pick from GitLab's list."""

from marshmallow import fields, validate

from gitlab_links.api.schemas.common import Answer, Strict, described
from gitlab_links.api.schemas.fields import WholeNumber, sought
from gitlab_links.api.schemas.fields import choice as one_of
from gitlab_links.api.schemas.operations import OperationSchema
from gitlab_links.health.project_picks import MOST_PICKED
from gitlab_links.observations.hook_states import HookState

MAX_CHOICE, MAX_PAGE = 4000, 1000


class SearchQuery(Strict):
    """The search text."""

    q = sought(metadata=described("A part of the name or the path.", "web-shop"))
    page = WholeNumber(
        load_default=1,
        validate=validate.Range(1, MAX_PAGE),
        metadata=described("`next_page` of the answer before."),
    )


class ListedProjectSchema(Answer):
    """A project as GitLab lists it."""

    gitlab_id = fields.Integer(metadata={"example": 42})
    path = fields.String(metadata={"example": "acme/app"})
    maintained = fields.Boolean(
        metadata=described("Whether the token's owner may create webhooks in it.")
    )


class PickedProjectSchema(ListedProjectSchema):
    """A project that was picked."""

    project_id = fields.UUID(metadata=described("Its id in the addresses of this API."))


class ChoiceSchema(ListedProjectSchema):
    """A project that can be picked."""

    project_id = fields.UUID(
        allow_none=True,
        metadata=described("Its id in the addresses of this API; null if it is not watched yet."),
    )
    choice = fields.String(
        metadata=described("Send this to pick it; valid for an hour.", "WyI4Zi…")
    )
    picked = fields.Boolean(metadata=described("Whether it was chosen before."))
    links = fields.Integer(metadata=described("How many links it has.", 12, minimum=0))
    hook_state = one_of(
        HookState, allow_none=True, metadata=described("Null if it is not watched yet.")
    )


class ChoicesEnvelope(Answer):
    """The projects that can be picked."""

    projects = fields.List(fields.Nested(ChoiceSchema))
    next_page = fields.Integer(
        allow_none=True, metadata=described("The `page` of the next page; null on the last.")
    )


class PickSchema(Strict):
    """The projects to pick."""

    choices = fields.List(
        fields.String(validate=validate.Length(min=1, max=MAX_CHOICE)),
        required=True,
        validate=validate.Length(min=1, max=MOST_PICKED),
        metadata=described("The `choice` of each project."),
    )


class PickedEnvelope(Answer):
    """The picked projects, and the operations that create the webhooks of those maintained."""

    projects = fields.List(fields.Nested(PickedProjectSchema))
    operations = fields.List(fields.Nested(OperationSchema))


class OperationsEnvelope(Answer):
    """The operations that create or repair webhooks, one for each project without a working one."""

    operations = fields.List(fields.Nested(OperationSchema))
