"""A link for display: one frozen value for pages and API."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar
from urllib.parse import urljoin

from sqlalchemy import Row, select

from gitlab_links.accounts.models import User
from gitlab_links.accounts.roles import Role
from gitlab_links.gitlab.items import ItemRef, ItemType
from gitlab_links.gitlab.urls import item_url
from gitlab_links.links.confidentiality import is_withheld, sees_all
from gitlab_links.links.freshness import Connection, SyncState, sync_state
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.links.waits import approvers
from gitlab_links.tasks.models import Task


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a link came to be: ``created_by_name`` linked it, or fields of the item mention the
    task, or both.

    ``mentioned_in`` has ``title``, ``description``, ``source_branch`` and ``comment``;
    ``closes``: one of them says that the item closes the task. ``from_fork``: the branch of the
    merge request is not in its project. ``names_too_many``: the item names more tasks than it
    may link. ``backfilled``: a look back over old items found the mention.
    """

    made_by_person: bool
    created_by: uuid.UUID | None
    created_by_name: str | None
    mentioned_in: list[str]
    closes: bool
    from_fork: bool
    names_too_many: bool
    backfilled: bool


@dataclass(frozen=True, slots=True)
class LinkView:
    """One link with its cached item. The API sends its fields as they are, in this order.

    ``title`` and ``state`` are None before the first fetch or webhook. Labels have ``name``,
    ``color`` and ``text_color``; people have ``username`` and ``name``. ``comments`` is None
    until the item is fetched. ``pipeline_url`` leads to the merge request's pipelines as long as
    the newest one is not known. ``approved_by`` are the usernames in GitLab of whose approval
    webhooks have said.
    """

    withheld: ClassVar[bool] = False
    id: uuid.UUID
    task_id: uuid.UUID
    task_title: str
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
    comments: int | None
    pipeline_url: str | None
    approved_by: list[str]
    created_at: datetime
    provenance: "Provenance"
    sync: SyncState

    def is_hidden_as(self, reference: str | None) -> bool:
        """Whether the viewer must not find it under a reference: a withheld item is shown under
        the one it was linked with, and nothing reveals a newer one.
        """
        return self.withheld and self.reference.lower() != (reference or "").lower()


@dataclass(frozen=True, slots=True)
class WithheldLink(LinkView):
    """A link whose item is withheld from the viewer: only its reference at the time of linking
    is shown, and whether GitLab still has it.
    """

    withheld: ClassVar[bool] = True


LinkRow = Row[*tuple[Any, ...]]

# Columns of tables, not attributes of classes: for a list, the ORM costs more than the query.
_links, _items, _projects, _users, _tasks = (
    model.__table__.c for model in (TaskGitLabLink, GitLabItem, GitLabProject, User, Task)
)

# What is withheld with an item: the fields of ``LinkView`` from ``title`` to ``comments``, in
# that order.
_CONTENT = (
    _items.title,
    _items.state,
    _items.draft,
    _items.confidential,
    _items.labels,
    _items.assignees,
    _items.reviewers,
    _items.author,
    _items.milestone,
    _items.due_date,
    _items.merge_status,
    _items.pipeline_status,
    _items.gitlab_created_at,
    _items.source_updated_at,
    _items.closed_at,
    _items.merged_at,
    _items.comments,
)
_CONTENT_NAMES = tuple(column.key for column in _CONTENT)
_CONTENT_SIZE = len(_CONTENT)

_LISTS = frozenset({"labels", "assignees", "reviewers"})

# The columns for ``link_views``, which expects the content first.
LINK_COLUMNS = (
    *_CONTENT,
    _links.id,
    _links.task_id,
    _links.created_at,
    _links.made_path,
    _links.made_iid,
    _items.type,
    _items.iid,
    _items.fetched_at,
    _items.moved_path,
    _items.moved_iid,
    _items.last_synced_at,
    _items.next_sync_at,
    _items.error_code,
    _items.source_project_id,
    _items.mentions,
    _items.pipeline_path,
    _items.head_pipeline_id,
    _items.reviews,
    _links.created_by,
    _links.made_by_person,
    _links.mentioned_in,
    _links.closes,
    _links.backfilled,
    # Not a join: with one more table, SQLite reads all links of the org.
    select(_tasks.title).where(_tasks.id == _links.task_id).scalar_subquery().label("task_title"),
    select(_users.name)
    .where(_users.id == _links.created_by)
    .scalar_subquery()
    .label("created_by_name"),
    _projects.gitlab_id.label("project_gitlab_id"),
    _projects.path,
    _projects.base_url,
    _projects.trusted_until,
)


def link_views(
    rows: Iterable[LinkRow],
    connection: Connection,
    ttl_seconds: int,
    now: datetime,
    viewer: Role | None,
) -> list[LinkView]:
    """Build the views for a role from rows of ``LINK_COLUMNS``."""
    all_seen = sees_all(connection, viewer)
    return [_view(row, connection, ttl_seconds, now, all_seen=all_seen) for row in rows]


def _view(
    row: LinkRow, connection: Connection, ttl_seconds: int, now: datetime, *, all_seen: bool
) -> LinkView:
    hides = not all_seen and is_withheld(
        confidential=row.confidential, gitlab_type=row.type, error_code=row.error_code
    )
    path, iid = _place(row, all_seen=all_seen, hides=hides)
    ref = ItemRef(path, ItemType(row.type), iid)
    sync = sync_state(row, connection, ttl_seconds, now, withheld=hides)
    content = _nothing_of(row) if hides else row[:_CONTENT_SIZE]
    url = item_url(row.base_url, ref)
    fields: tuple[Any, ...] = (
        *(row.id, row.task_id, row.task_title, url, path, row.type, iid, str(ref)),
        *content,
        *((None, []) if hides else (_pipeline_url(row, url), approvers(row.reviews))),
        *(row.created_at, _provenance(row, hides=hides), sync),
    )
    # By position: with names it takes twice as long.
    return WithheldLink(*fields) if hides else LinkView(*fields)


def _provenance(row: LinkRow, *, hides: bool) -> Provenance:
    """Of a withheld item, only who linked it."""
    return Provenance(
        bool(row.made_by_person),
        row.created_by,
        row.created_by_name,
        [] if hides else row.mentioned_in or [],
        bool(row.closes) and not hides,
        not hides and is_from_fork(row.type, row.source_project_id, row.project_gitlab_id),
        not hides and any(found.get("too_many") for found in (row.mentions or {}).values()),
        bool(row.backfilled),
    )


def _pipeline_url(row: LinkRow, url: str) -> str | None:
    """On the host of the org's GitLab, whatever its answer named."""
    if row.pipeline_status is None:
        return None
    path: str | None = row.pipeline_path
    newest = row.head_pipeline_id
    if path is not None and (newest is None or path.endswith(f"/{newest}")):
        return urljoin(str(row.base_url), path)
    return f"{url}/pipelines"


def is_from_fork(gitlab_type: str, source_id: int | None, project_id: int | None) -> bool:
    """Whether a merge request's branch is known to be in another project."""
    known = None not in (source_id, project_id)
    return known and gitlab_type == ItemType.MERGE_REQUEST and source_id != project_id


def _place(row: LinkRow, *, all_seen: bool, hides: bool) -> tuple[str, int]:
    """The path and number to show.

    A withheld item shows neither its new place nor the new path of its project. An item that
    was never fetched may be withheld later.
    """
    if all_seen:
        moved = row.moved_iid is not None
        return (row.moved_path, row.moved_iid) if moved else (row.path, row.iid)
    as_linked = hides or row.fetched_at is None
    made = as_linked and row.made_path is not None and row.made_iid is not None
    return (row.made_path, row.made_iid) if made else (row.path, row.iid)


def _nothing_of(row: LinkRow) -> tuple[Any, ...]:
    """The content of a withheld item: only whether it is confidential."""
    known: dict[str, Any] = {"draft": False, "confidential": row.confidential}
    return tuple([] if name in _LISTS else known.get(name) for name in _CONTENT_NAMES)
