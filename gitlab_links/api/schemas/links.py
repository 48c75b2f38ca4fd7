"""Links. Answers are written by ``api.link_json``, which a test holds to these schemas."""

from datetime import datetime

from marshmallow import fields, validate

from gitlab_links.api.cursors import Cursors
from gitlab_links.api.schemas.common import Strict, described, next_cursor
from gitlab_links.api.schemas.fields import LINE, Cursor, Time, choice, limit, text
from gitlab_links.gitlab.items import ItemState, ItemType
from gitlab_links.links.filters import LinkSort
from gitlab_links.links.freshness import SyncStatus

BY_ORDER = Cursors({"created_at": None, "gitlab_updated_at": datetime, "title": str})
_UNTOLD = "Null until GitLab has told it, and where it is confidential and not for the caller."


class LabelSchema(Strict):
    """A label with its colours."""

    name = fields.String(required=True, metadata={"example": "bug"})
    color = fields.String(required=True, metadata={"example": "#dc143c"})
    text_color = fields.String(required=True, metadata={"example": "#ffffff"})


class PersonSchema(Strict):
    """A GitLab account."""

    username = fields.String(required=True, metadata={"example": "sam"})
    name = fields.String(required=True, metadata={"example": "Sam Jones"})


class SyncSchema(Strict):
    """How current a link is."""

    status = choice(SyncStatus, required=True)
    last_synced_at = Time(required=True, allow_none=True)
    next_sync_at = Time(required=True, allow_none=True)
    error_code = fields.String(
        required=True,
        allow_none=True,
        metadata=described("Why it could not be brought up to date.", "auth_error"),
    )
    paused_until = Time(
        required=True,
        allow_none=True,
        metadata=described("GitLab asked for patience until then."),
    )


class LinkSchema(Strict):
    """A task's link to a GitLab item, with the item as last known."""

    id = fields.UUID(required=True)
    task_id = fields.UUID(required=True)
    url = fields.String(
        required=True, metadata={"example": "https://gitlab.example.com/acme/app/-/issues/7"}
    )
    project_path = fields.String(required=True, metadata={"example": "acme/app"})
    gitlab_type = choice(ItemType, required=True)
    gitlab_iid = fields.Integer(required=True, metadata={"example": 7, "minimum": 1})
    reference = fields.String(required=True, metadata={"example": "acme/app#7"})
    title = fields.String(required=True, allow_none=True, metadata=described(_UNTOLD, "Fix it"))
    state = choice(ItemState, required=True, allow_none=True, metadata=described(_UNTOLD))
    draft = fields.Boolean(required=True)
    confidential = fields.Boolean(required=True)
    labels = fields.List(fields.Nested(LabelSchema), required=True)
    assignees = fields.List(fields.Nested(PersonSchema), required=True)
    reviewers = fields.List(fields.Nested(PersonSchema), required=True)
    author = fields.Nested(PersonSchema, required=True, allow_none=True)
    milestone = fields.String(required=True, allow_none=True)
    due_date = fields.Date(required=True, allow_none=True)
    merge_status = fields.String(
        required=True, allow_none=True, metadata=described("GitLab's own word.", "mergeable")
    )
    pipeline_status = fields.String(
        required=True, allow_none=True, metadata=described("GitLab's own word.", "success")
    )
    gitlab_created_at = Time(required=True, allow_none=True)
    gitlab_updated_at = Time(required=True, allow_none=True)
    closed_at = Time(required=True, allow_none=True)
    merged_at = Time(required=True, allow_none=True)
    created_at = Time(required=True, metadata=described("When the task was linked."))
    sync = fields.Nested(SyncSchema, required=True)


class LinkEnvelope(Strict):
    """One link."""

    link = fields.Nested(LinkSchema, required=True)


class LinksEnvelope(Strict):
    """A page of links."""

    links = fields.List(fields.Nested(LinkSchema), required=True)
    next_cursor = next_cursor()


class NewLink(Strict):
    """What to link."""

    url = fields.String(
        required=True,
        metadata=described(
            "The address of an issue, work item or merge request in the org's GitLab, as "
            "copied from the browser, also with the item in a drawer (`?show=`), or a reference "
            "such as `acme/app!42`. Blanks, brackets and a Markdown link around it, and "
            "whatever follows the number, are ignored.",
            "https://gitlab.example.com/acme/app/-/merge_requests/42/diffs",
        ),
    )


class _LinkFilters(Strict):
    state = choice(ItemState, load_default=None)
    gitlab_type = choice(ItemType, load_default=None)
    project_path = text(
        1, 500, LINE, load_default=None, metadata=described("In any case.", "acme/app")
    )
    sync_status = choice(SyncStatus, load_default=None)
    label = fields.List(
        text(1, 255, LINE),
        load_default=list,
        validate=validate.Length(0, 10),
        metadata=described("Labels that must all be there; repeat the parameter."),
    )
    assignee = text(
        1, 255, LINE, load_default=None, metadata=described("A GitLab username.", "sam")
    )
    sort = choice(
        LinkSort,
        load_default=LinkSort.CREATED,
        metadata=described("A minus turns the order round. A cursor keeps its own."),
    )
    limit = limit()
    cursor = Cursor(BY_ORDER)


class TaskLinksQuery(_LinkFilters):
    """Which of a task's links to list."""


class OrgLinksQuery(_LinkFilters):
    """Which of an org's links to list."""

    task_id = fields.UUID(load_default=None)


class RefreshEnvelope(Strict):
    """How much has been asked for."""

    refreshing = fields.Integer(
        required=True, metadata=described("So many items will be fetched.", 3, minimum=0)
    )
