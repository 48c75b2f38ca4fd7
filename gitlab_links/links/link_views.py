"""A link for display: one frozen value for pages and API."""

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar

from sqlalchemy import Row

from gitlab_links.accounts.roles import Role
from gitlab_links.gitlab.items import ItemRef, ItemType
from gitlab_links.gitlab.urls import item_url
from gitlab_links.links.confidentiality import is_withheld, sees_all
from gitlab_links.links.freshness import Connection, SyncState, sync_state
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink


@dataclass(frozen=True, slots=True)
class LinkView:
    """One link with its cached item. The API sends its fields as they are, in this order.

    ``title`` and ``state`` are None before the first fetch or webhook. Labels have ``name``,
    ``color`` and ``text_color``; people have ``username`` and ``name``.
    """

    withheld: ClassVar[bool] = False
    id: uuid.UUID
    task_id: uuid.UUID
    url: str
    project_path: str
    gitlab_type: str
    gitlab_iid: int
    reference: str
    title: str | None
    state: str | None
    draft: bool
    confidential: bool
    labels: list[dict[str, Any]]
    assignees: list[dict[str, Any]]
    reviewers: list[dict[str, Any]]
    author: dict[str, Any] | None
    milestone: str | None
    due_date: date | None
    merge_status: str | None
    pipeline_status: str | None
    gitlab_created_at: datetime | None
    gitlab_updated_at: datetime | None
    closed_at: datetime | None
    merged_at: datetime | None
    created_at: datetime
    sync: SyncState


@dataclass(frozen=True, slots=True)
class WithheldLink(LinkView):
    """A link whose item is withheld from the viewer: only its reference at the time of linking
    is shown, and whether GitLab still has it.
    """

    withheld: ClassVar[bool] = True


LinkRow = Row[*tuple[Any, ...]]

_CONTENT = (
    GitLabItem.title,
    GitLabItem.state,
    GitLabItem.draft,
    GitLabItem.confidential,
    GitLabItem.labels,
    GitLabItem.assignees,
    GitLabItem.reviewers,
    GitLabItem.author,
    GitLabItem.milestone,
    GitLabItem.due_date,
    GitLabItem.merge_status,
    GitLabItem.pipeline_status,
    GitLabItem.gitlab_created_at,
    GitLabItem.closed_at,
    GitLabItem.merged_at,
)
_CONTENT_NAMES = tuple(column.key for column in _CONTENT)

_LISTS = frozenset({"labels", "assignees", "reviewers"})
_NOTHING: dict[str, Any] = {
    name: [] if name in _LISTS else False if name == "draft" else None for name in _CONTENT_NAMES
}

# The columns for ``link_view``; it expects the content first.
LINK_COLUMNS = (
    *_CONTENT,
    TaskGitLabLink.id,
    TaskGitLabLink.task_id,
    TaskGitLabLink.created_at,
    TaskGitLabLink.made_path,
    TaskGitLabLink.made_iid,
    GitLabItem.type,
    GitLabItem.iid,
    GitLabItem.source_updated_at,
    GitLabItem.fetched_at,
    GitLabItem.moved_path,
    GitLabItem.moved_iid,
    GitLabItem.last_synced_at,
    GitLabItem.next_sync_at,
    GitLabItem.error_code,
    GitLabProject.path,
    GitLabProject.base_url,
)


def link_view(
    row: LinkRow, connection: Connection, ttl_seconds: int, now: datetime, viewer: Role | None
) -> LinkView:
    """Build the view for a role from a row of ``LINK_COLUMNS``."""
    hides = not sees_all(connection, viewer) and is_withheld(
        confidential=row.confidential, gitlab_type=row.type, error_code=row.error_code
    )
    # A withheld item shows neither its new place nor the new path of its project. An item that
    # was never fetched may be withheld later.
    as_linked = hides or (row.fetched_at is None and not sees_all(connection, viewer))
    made = as_linked and row.made_path is not None and row.made_iid is not None
    path, iid = (row.made_path, row.made_iid) if made else (row.path, row.iid)
    if row.moved_iid is not None and sees_all(connection, viewer):
        path, iid = row.moved_path, row.moved_iid
    ref = ItemRef(path, ItemType(row.type), iid)
    content = dict(zip(_CONTENT_NAMES, row, strict=False))
    if hides:
        content = {**_NOTHING, "confidential": row.confidential}
    view = WithheldLink if hides else LinkView
    return view(
        id=row.id,
        task_id=row.task_id,
        url=item_url(row.base_url, ref),
        project_path=path,
        gitlab_type=row.type,
        gitlab_iid=iid,
        reference=str(ref),
        sync=sync_state(row, connection, ttl_seconds, now, withheld=hides),
        gitlab_updated_at=None if hides else row.source_updated_at,
        created_at=row.created_at,
        **content,
    )
