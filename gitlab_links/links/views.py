"""A link as people and programs see it: one frozen value for pages and API alike."""

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from gitlab_links.gitlab.items import ItemRef, ItemType
from gitlab_links.gitlab.urls import item_url
from gitlab_links.links.freshness import Connection, SyncState, sync_state
from gitlab_links.links.models import GitLabItem, TaskGitLabLink


@dataclass(frozen=True, slots=True)
class LinkView:
    """One link with its item as last known; field names are those of the contract.

    ``title`` and ``state`` are None until GitLab has told them. ``labels`` hold ``name``,
    ``color`` and ``text_color``; people hold ``username`` and ``name``.
    """

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


def link_view(
    link: TaskGitLabLink, connection: Connection, ttl_seconds: int, now: datetime
) -> LinkView:
    """Build the view; ``link.item`` and ``item.project`` must have been loaded."""
    item, project = link.item, link.item.project
    ref = ItemRef(project.path, ItemType(item.type), item.iid)
    return LinkView(
        id=link.id,
        task_id=link.task_id,
        url=item_url(project.base_url, ref),
        project_path=project.path,
        gitlab_type=item.type,
        gitlab_iid=item.iid,
        reference=str(ref),
        sync=sync_state(item, project.base_url, connection, ttl_seconds, now),
        gitlab_updated_at=item.source_updated_at,
        created_at=link.created_at,
        **_told(item),
    )


def _told(item: GitLabItem) -> dict[str, Any]:
    return {name: getattr(item, name) for name in _TOLD}


_TOLD = (
    "title",
    "state",
    "draft",
    "confidential",
    "labels",
    "assignees",
    "reviewers",
    "author",
    "milestone",
    "due_date",
    "merge_status",
    "pipeline_status",
    "gitlab_created_at",
    "closed_at",
    "merged_at",
)
