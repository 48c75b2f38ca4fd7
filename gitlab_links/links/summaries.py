"""Count the links of many tasks in one query."""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Subquery, case, false, func, null, select

from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db, settings
from gitlab_links.links.confidentiality import sees_all, withheld
from gitlab_links.links.freshness import Connection, SyncStatus
from gitlab_links.links.link_filters import has_sync_status, synced_since
from gitlab_links.links.models import GitLabItem, TaskGitLabLink


@dataclass(frozen=True, slots=True)
class LinkCount:
    """The number of a task's links to items of one type and state. ``problems`` of them have a
    sync problem. ``active_at`` is GitLab's newest time of these items. Items withheld from
    the viewer have neither state nor time.
    """

    gitlab_type: str
    state: str | None
    draft: bool
    withheld: bool
    count: int
    problems: int
    active_at: datetime | None


def link_counts(
    org_id: uuid.UUID,
    task_ids: Sequence[uuid.UUID],
    connection: Connection,
    viewer: Role | None,
) -> Mapping[uuid.UUID, Sequence[LinkCount]]:
    """The link counts of several tasks, by task id."""
    hidden = _hidden(connection, viewer)
    fresh_since = synced_since(settings().metadata_ttl, utcnow())
    failing = has_sync_status(SyncStatus.ERROR, connection, fresh_since, hidden)
    # Grouped outside of a subquery: PostgreSQL does not match expressions with parameters.
    link = (
        select(
            TaskGitLabLink.task_id,
            GitLabItem.type,
            case((hidden, null()), else_=GitLabItem.state).label("state"),
            case((hidden, false()), else_=GitLabItem.draft).label("draft"),
            case((hidden, 1), else_=0).label("withheld"),
            case((failing, 1), else_=0).label("failing"),
            case((~hidden, GitLabItem.source_updated_at)).label("active_at"),
        )
        .join(TaskGitLabLink.item)
        .join(GitLabItem.project)
        .where(TaskGitLabLink.org_id == org_id, TaskGitLabLink.task_id.in_(task_ids))
        .subquery()
        .c
    )
    kind = (link.task_id, link.type, link.state, link.draft, link.withheld)
    sums = (func.count(), func.sum(link.failing), func.max(link.active_at))
    found: defaultdict[uuid.UUID, list[LinkCount]] = defaultdict(list)
    for task_id, gitlab_type, state, draft, hides, *rest in db.session.execute(
        select(*kind, *sums).group_by(*kind)
    ):
        found[task_id].append(LinkCount(gitlab_type, state, bool(draft), bool(hides), *rest))
    return found


def activity_by_task(org_id: uuid.UUID, connection: Connection, viewer: Role | None) -> Subquery:
    """GitLab's newest time of each task's items, as far as the viewer may see it: a subquery
    of ``task_id`` and ``active_at`` for tasks with links.
    """
    seen = case((~_hidden(connection, viewer), GitLabItem.source_updated_at))
    return (
        select(TaskGitLabLink.task_id, func.max(seen).label("active_at"))
        .join(TaskGitLabLink.item)
        .where(TaskGitLabLink.org_id == org_id)
        .group_by(TaskGitLabLink.task_id)
        .subquery()
    )


def _hidden(connection: Connection, viewer: Role | None) -> ColumnElement[bool]:
    return false() if sees_all(connection, viewer) else withheld()
