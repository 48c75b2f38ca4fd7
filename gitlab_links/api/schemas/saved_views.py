"""Saved views of the list of tasks."""

from typing import Any

from marshmallow import fields

from gitlab_links.accounts.names import NAME
from gitlab_links.api.schemas.common import Answer, Strict, described, envelope, page_of
from gitlab_links.api.schemas.fields import Time, choice, text
from gitlab_links.finding.list_query import ASSIGNEE, LinkStateFilter, ListOrder
from gitlab_links.gitlab.items import ItemType
from gitlab_links.rollup.needs import Need
from gitlab_links.saved_views.models import MAX_NAME
from gitlab_links.sought_texts import CHARACTERS, MAX_LENGTH
from gitlab_links.tasks.models import TaskStatus

_EXAMPLE = "My open ones"


def _words(description: str, example: str) -> fields.String:
    about = described(description, example)
    return text(0, MAX_LENGTH, CHARACTERS, allow_none=True, metadata=about)


def _filter() -> dict[str, fields.Field[Any]]:
    return {
        "q": _words("The search; see `q` of the list of tasks.", "release"),
        "status": choice(TaskStatus, allow_none=True),
        "need": choice(Need, allow_none=True),
        "assignee": text(
            2,
            36,
            ASSIGNEE,
            "Not `me`, `none` or the id of a user.",
            allow_none=True,
            metadata=described("`me` for whoever opens the view, `none`, or a user's id.", "me"),
        ),
        "links": choice(
            LinkStateFilter,
            allow_none=True,
            metadata=described("What one of the task's links is; `none` for tasks without links."),
        ),
        "type": choice(ItemType, allow_none=True, metadata=described("The type of that link.")),
        "person": _words(
            "The username of who is assigned to a linked item, reviews or wrote it.", "sam"
        ),
        "label": _words("A label of a linked item.", "bug"),
        "milestone": _words("The milestone of a linked item.", "1.0"),
        "project": _words("The path of the project of a linked item.", "acme/app"),
        "sort": choice(ListOrder, metadata=described("`newest` when left out.")),
    }


TaskFilter = Answer.from_dict(_filter(), name="TaskFilter")
NewTaskFilter = Strict.from_dict(_filter(), name="NewTaskFilter")


class SavedViewSchema(Answer):
    """A list of tasks with a name."""

    id = fields.UUID()
    name = fields.String(metadata={"example": _EXAMPLE})
    shared = fields.Boolean(
        metadata=described("Whether everybody in the org has it; else it is the caller's own.")
    )
    filter = fields.Nested(
        TaskFilter, metadata=described("Null does not filter. Filters of links need such a role.")
    )
    created_at = Time()
    updated_at = Time()


SavedViewEnvelope = envelope("SavedViewEnvelope", view=SavedViewSchema)
SavedViewsEnvelope = page_of("SavedViewsEnvelope", views=SavedViewSchema)


class NewSavedView(Strict):
    """The view to save."""

    name = text(1, MAX_NAME, NAME, required=True, metadata={"example": _EXAMPLE})
    filter = fields.Nested(NewTaskFilter, required=True)


class SavedViewChange(Strict):
    """What to change of a view; a filter replaces the former one as a whole."""

    name = text(1, MAX_NAME, NAME, metadata={"example": _EXAMPLE})
    filter = fields.Nested(NewTaskFilter)
