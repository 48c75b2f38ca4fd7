"""Links, for the contract. A ``LinkView`` is sent without them; a test compares the two."""

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from gitlab_links.api.schemas.common import Answer, Strict, described, envelope, page_of
from gitlab_links.api.schemas.fields import (
    LINE,
    Time,
    WholeNumber,
    choice,
    text,
)
from gitlab_links.gitlab.items import MAX_IID, ItemState, ItemType
from gitlab_links.links.freshness import SyncStatus
from gitlab_links.links.provenance import MentionedIn
from gitlab_links.pasting.reading import NamedItem

_NULL = "Null until it is read from GitLab, and for callers who may not see a confidential item."


class LabelSchema(Answer):
    """A label with its colours."""

    name = fields.String(metadata={"example": "bug"})
    color = fields.String(metadata={"example": "#dc143c"})
    text_color = fields.String(metadata={"example": "#ffffff"})


class PersonSchema(Answer):
    """A GitLab account."""

    username = fields.String(metadata={"example": "sam"})
    name = fields.String(metadata={"example": "Sam Jones"})


class SyncSchema(Answer):
    """Whether a link is current."""

    status = choice(SyncStatus)
    last_synced_at = Time(allow_none=True)
    next_sync_at = Time(allow_none=True)
    error_code = fields.String(
        allow_none=True, metadata=described("Why it could not be updated.", "auth_error")
    )
    paused_until = Time(
        allow_none=True, metadata=described("GitLab is not called before this time.")
    )


class ProvenanceSchema(Answer):
    """How a link came to be."""

    made_by_person = fields.Boolean(
        metadata=described("False: only mentions made it, and it goes with the last of them.")
    )
    created_by = fields.UUID(allow_none=True, metadata=described("Null if only mentions made it."))
    created_by_name = fields.String(allow_none=True, metadata={"example": "Ann Lee"})
    mentioned_in = fields.List(
        choice(MentionedIn),
        metadata=described(
            "Where the item mentions the task; empty for callers who may not see the item."
        ),
    )
    closes = fields.Boolean(
        metadata=described("Closing words in the item name the task, as in `Closes ACME-12`.")
    )
    from_fork = fields.Boolean(
        metadata=described("The merge request's branch is in another project.")
    )
    names_too_many = fields.Boolean(
        metadata=described("The item names more than 20 tasks, so its mentions link none.")
    )
    backfilled = fields.Boolean(metadata=described("A look back over old items found the mention."))


class LinkSchema(Answer):
    """A task's link to a GitLab item, with the item as last known."""

    id = fields.UUID()
    task_id = fields.UUID()
    task_title = fields.String(metadata={"example": "Ship the release"})
    url = fields.String(metadata={"example": "https://gitlab.example.com/acme/app/-/issues/7"})
    project_path = fields.String(metadata={"example": "acme/app"})
    gitlab_type = choice(ItemType)
    gitlab_iid = fields.Integer(metadata={"example": 7, "minimum": 1})
    reference = fields.String(metadata={"example": "acme/app#7"})
    title = fields.String(allow_none=True, metadata=described(_NULL, "Fix it"))
    state = choice(ItemState, allow_none=True, metadata=described(_NULL))
    draft = fields.Boolean()
    confidential = fields.Boolean()
    labels = fields.List(fields.Nested(LabelSchema))
    assignees = fields.List(fields.Nested(PersonSchema))
    reviewers = fields.List(fields.Nested(PersonSchema))
    author = fields.Nested(PersonSchema, allow_none=True)
    milestone = fields.String(allow_none=True)
    due_date = fields.Date(allow_none=True)
    merge_status = fields.String(
        allow_none=True, metadata=described("GitLab's own value.", "mergeable")
    )
    pipeline_status = fields.String(
        allow_none=True, metadata=described("GitLab's own value.", "success")
    )
    gitlab_created_at = Time(allow_none=True)
    gitlab_updated_at = Time(allow_none=True)
    closed_at = Time(allow_none=True)
    merged_at = Time(allow_none=True)
    comments = fields.Integer(
        allow_none=True, metadata=described("The number of comments by people. " + _NULL, 3)
    )
    pipeline_url = fields.String(
        allow_none=True,
        metadata=described(
            "The page of the newest pipeline, or of all pipelines of the merge request; null "
            "without a pipeline.",
            "https://gitlab.example.com/acme/app/-/pipelines/47",
        ),
    )
    approved_by = fields.List(
        fields.String(metadata={"example": "sam"}),
        metadata=described("GitLab usernames, as far as webhooks have said who approved."),
    )
    created_at = Time(metadata=described("When the task was linked."))
    provenance = fields.Nested(ProvenanceSchema)
    sync = fields.Nested(SyncSchema)


LinkEnvelope = envelope("LinkEnvelope", link=LinkSchema)
LinksEnvelope = page_of("LinksEnvelope", links=LinkSchema)


class LinkChange(Strict):
    """What to change of a link."""

    made_by_person = fields.Boolean(
        required=True,
        metadata=described(
            "True keeps a link that mentions made: it stays when they go. False leaves it to the "
            "mentions again."
        ),
    )


class NewLink(Strict):
    """What to link: a ``url``, or ``project_path``, ``type`` and ``iid``."""

    url = fields.String(
        metadata=described(
            "The address of an issue, work item or merge request in the org's GitLab, as "
            "copied from the browser, also with the item in a drawer (`?show=`), or a reference "
            "such as `acme/app!42`, or `app!42` if one project of that name is linked. Spaces, "
            "brackets and a Markdown link around it, and everything after the number, are "
            "ignored.",
            "https://gitlab.example.com/acme/app/-/merge_requests/42/diffs",
        ),
    )
    project_path = text(
        1, 1000, LINE, metadata={**described("Instead of `url`, with `type` and `iid`.")}
    )
    type = choice(ItemType, metadata=described("Instead of `url`."))
    iid = WholeNumber(validate=validate.Range(1, MAX_IID), metadata=described("Instead of `url`."))

    @validates_schema
    def _one_way(self, data: dict[str, Any], **_: Any) -> None:
        """Exactly one of the two ways."""
        parts = sorted({"project_path", "type", "iid"} - data.keys())
        if "url" in data and len(parts) < 3:
            raise ValidationError({"url": ["Send either url, or project_path with type and iid."]})
        if "url" not in data and parts == ["iid", "project_path", "type"]:
            raise ValidationError({"url": ["Missing data for required field."]})
        if "url" not in data and parts:
            raise ValidationError({name: ["Missing data for required field."] for name in parts})


def named(new: dict[str, Any]) -> str | NamedItem:
    """What a ``NewLink`` names."""
    if "url" in new:
        url: str = new["url"]
        return url
    return NamedItem(new["project_path"], new["type"], new["iid"])


class RefreshEnvelope(Answer):
    """How many items will be fetched."""

    refreshing = fields.Integer(metadata=described("The number of items to fetch.", 3, minimum=0))
