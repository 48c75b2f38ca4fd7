"""Links, for the contract. A ``LinkView`` is sent without them; a test compares the two."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from gitlab_links.api.cursors import Cursors
from gitlab_links.api.schemas.common import Answer, Strict, described, envelope, page_of
from gitlab_links.api.schemas.fields import (
    LINE,
    Cursor,
    Moment,
    Time,
    WholeNumber,
    choice,
    limit,
    text,
)
from gitlab_links.finding.link_filters import LinkQuery, PipelineFilter
from gitlab_links.gitlab.items import MAX_IID, ItemState, ItemType
from gitlab_links.links.freshness import SyncStatus
from gitlab_links.links.link_filters import LinkSort
from gitlab_links.links.provenance import MentionedIn
from gitlab_links.pasting.reading import NamedItem
from gitlab_links.rollup.needs import OF_AN_ITEM, Need

BY_ORDER = Cursors({"created_at": None, "gitlab_updated_at": datetime, "title": str})
_TEXTS = ("q", "state", "pipeline", "person", "assignee", "milestone")
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


class TaskLinksQuery(Strict):
    """Which of a task's links to list."""

    state = choice(ItemState, load_default=None)
    gitlab_type = choice(ItemType, load_default=None)
    project_path = text(
        1,
        500,
        LINE,
        load_default=None,
        metadata=described("In upper or lower case.", "acme/app"),
    )
    sync_status = choice(SyncStatus, load_default=None)
    labels = fields.List(
        text(1, 255, LINE),
        data_key="label",
        load_default=list,
        validate=validate.Length(0, 10),
        metadata=described("Labels that a link must all have; repeat the parameter."),
    )
    assignee = text(
        1, 255, LINE, load_default=None, metadata=described("A GitLab username.", "sam")
    )
    sort = choice(
        LinkSort,
        load_default=LinkSort.CREATED,
        metadata=described("A minus reverses the order. A cursor has its own order."),
    )
    limit = limit()
    cursor = Cursor(BY_ORDER)


class LinkState(StrEnum):
    """The states to filter by: GitLab's, and two of open items and of links."""

    OPENED = "opened"
    CLOSED = "closed"
    LOCKED = "locked"
    MERGED = "merged"
    DRAFT = "draft"
    PROBLEM = "problem"


class OrgLinksQuery(TaskLinksQuery):
    """Which of an org's links to list: by the filters of the page of links, and some more."""

    q = text(
        1,
        200,
        load_default=None,
        metadata=described(
            "The beginnings of words in the title of the item; its reference (`group/app!5`, "
            "`!5`) or address, or the reference of a task (`ACME-12`).",
            "release",
        ),
    )
    need = fields.String(
        load_default=None,
        validate=validate.OneOf([need.value for need in OF_AN_ITEM]),
        metadata=described("Why the item needs somebody."),
    )
    state = choice(
        LinkState,
        load_default=None,
        metadata=described("`draft` is open, too; `problem`: GitLab could not be read for it."),
    )
    pipeline = choice(
        PipelineFilter,
        load_default=None,
        metadata=described("The status of the pipeline of an open merge request."),
    )
    person = text(
        1,
        255,
        LINE,
        load_default=None,
        metadata=described("The GitLab username of who is assigned, reviews or wrote it.", "sam"),
    )
    milestone = text(1, 255, LINE, load_default=None, metadata=described("Its title.", "1.0"))
    task_id = fields.UUID(load_default=None)
    updated_since = Moment(
        load_default=None,
        metadata=described(
            "Made, or showing something else, at this time or later; reading an item from GitLab "
            "counts as well. Confidential items count as changed for those who may see them. "
            "Links that were removed are in the feed of events only."
        ),
    )
    url = text(
        1,
        2000,
        LINE,
        load_default=None,
        metadata=described(
            "Finds the links of one item, by its address or reference. With a `?`, `&` or `#` in "
            "it, percent-encode it.",
            "https://gitlab.example.com/acme/app/-/issues/7",
        ),
    )
    project = text(
        1,
        1000,
        LINE,
        load_default=None,
        metadata=described(
            "With `iid`: a project by its path, or by GitLab's id of it (`CI_PROJECT_ID`).",
            "acme/app",
        ),
    )
    iid = WholeNumber(
        load_default=None,
        validate=validate.Range(1, MAX_IID),
        metadata=described(
            "With `project`, finds the links of one item; `gitlab_type` tells an issue from a "
            "merge request (`CI_MERGE_REQUEST_IID`).",
            7,
        ),
    )

    @validates_schema
    def _one_item(self, data: dict[str, Any], **_: Any) -> None:
        """A URL, or both parts of its place."""
        if data["url"] is not None and (data["project"], data["iid"]) != (None, None):
            raise ValidationError({"url": ["Send either url, or project with iid."]})
        for name, other in (("project", "iid"), ("iid", "project")):
            if data[name] is None and data[other] is not None:
                raise ValidationError({name: [f"Send it with {other}."]})


def sought_content(query: dict[str, Any]) -> LinkQuery:
    """What an ``OrgLinksQuery`` asks of items, as the page of links does."""
    need = query["need"]
    return LinkQuery(
        need=None if need is None else Need(need),
        labels=tuple(query["labels"]),
        **{name: query[name] or "" for name in _TEXTS},
    )


class RefreshEnvelope(Answer):
    """How many items will be fetched."""

    refreshing = fields.Integer(metadata=described("The number of items to fetch.", 3, minimum=0))
