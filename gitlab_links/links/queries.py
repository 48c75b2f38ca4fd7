"""Read links, with a fixed number of queries and without writing."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Result, Select, and_, bindparam, case, false, func, select, true

from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.errors import required
from gitlab_links.extensions import db, settings
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.job_triggers import JobKind, trigger_after_commit
from gitlab_links.links.also_linked import version_of_others
from gitlab_links.links.confidentiality import sees_all, withheld
from gitlab_links.links.freshness import Connection, SyncStatus
from gitlab_links.links.link_filters import (
    LinkFilter,
    LinkSort,
    freshness_times,
    synced_since_given,
)
from gitlab_links.links.link_views import LINK_COLUMNS, LinkView, link_views
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.paging import Position, paged
from gitlab_links.rule_states.versions import version_of_rules


def links_page(
    org_id: uuid.UUID,
    wanted: LinkFilter,
    *,
    sort: LinkSort = LinkSort.CREATED,
    after: Position | None = None,
    limit: int | None = None,
    offset: int = 0,
    viewer: Role | None = None,
    connection: Connection | None = None,
) -> Sequence[LinkView]:
    """One page of links after ``after``, in the order of creation by default; ``offset`` is for
    numbered pages.

    ``viewer`` is the role of the person who sees them; None sees the least. Stale links
    trigger a sync; the caller gets the cached content.
    """
    connection = connection or connection_of(org_id)
    of_task = _OF_TASK.get(sort)
    if of_task is not None and after is None and limit is not None and wanted.is_of_a_task:
        known = {"org_id": org_id, "task_id": wanted.task_id, "limit": limit, "offset": offset}
        return _views(org_id, db.session.execute(of_task, known), viewer, connection)
    conditions = wanted.conditions(connection, settings().metadata_ttl, utcnow(), viewer)
    statement = paged(
        _joined(org_id).where(*conditions),
        TaskGitLabLink.id,
        by=sort.by_for(all_seen=sees_all(connection, viewer)),
        descending=sort.descending,
        after=after,
        limit=limit,
    )
    rows = db.session.execute(statement.offset(offset) if offset else statement)
    return _views(org_id, rows, viewer, connection)


def find_link(
    org_id: uuid.UUID, task_id: uuid.UUID, link_id: uuid.UUID, *, viewer: Role | None = None
) -> LinkView:
    """One link of a task; raises :class:`NotFound`, also for another org's or task's link."""
    statement = _joined(org_id).where(
        TaskGitLabLink.id == link_id, TaskGitLabLink.task_id == task_id
    )
    return required(next(iter(_views(org_id, db.session.execute(statement), viewer)), None))


def find_link_of_org(
    org_id: uuid.UUID, link_id: uuid.UUID, *, viewer: Role | None = None
) -> LinkView:
    """One link by its id alone; raises :class:`NotFound`, also for another org's."""
    return required(links_by_id(org_id, [link_id], viewer=viewer).get(link_id))


def links_by_id(
    org_id: uuid.UUID,
    link_ids: Collection[uuid.UUID],
    *,
    viewer: Role | None = None,
    connection: Connection | None = None,
) -> Mapping[uuid.UUID, LinkView]:
    """Several of the org's links by their ids."""
    rows = db.session.execute(_joined(org_id).where(TaskGitLabLink.id.in_(link_ids)))
    return {view.id: view for view in _views(org_id, rows, viewer, connection)}


@dataclass(frozen=True, slots=True)
class LinksOfTask:
    """A summary of a task's links, as far as a viewer may see them.

    ``active_at`` is GitLab's newest time of the items. ``version`` is a short text that
    changes with everything shown of the links, and of what the rules say of them. ``connection``
    is that of the org.
    """

    count: int
    active_at: datetime | None
    version: str
    connection: Connection


def links_of_task(org_id: uuid.UUID, task_id: uuid.UUID, *, viewer: Role | None) -> LinksOfTask:
    """The summary of a task's links, for polling: one query for links, one for the integration.

    Items withheld from the viewer do not affect it, because the time of a change would reveal
    the change.
    """
    now, connection = utcnow(), connection_of(org_id)
    known = {
        "org_id": org_id,
        "task_id": task_id,
        **freshness_times(settings().metadata_ttl, now),
    }
    summary = _summary(all_seen=sees_all(connection, viewer))
    count, active_at, *rest = db.session.execute(summary, known).one()
    paused = connection.paused_until is not None and connection.paused_until > now
    roles = sorted(connection.confidential_roles)
    parts = (count, active_at, *rest, connection.base_url, connection.error_code, paused, roles)
    return LinksOfTask(count, active_at, "|".join(map(str, parts)), connection)


@cache
def _summary(*, all_seen: bool) -> Select[*tuple[Any, ...]]:
    hidden = false() if all_seen else withheld()
    stale = GitLabItem.last_synced_at < synced_since_given()
    are_hidden = func.sum(case((hidden, 1), else_=0))
    return (
        select(
            func.count(),
            func.max(case((~hidden, GitLabItem.source_updated_at))),
            func.max(case((~hidden, GitLabItem.changed_at))),
            func.sum(case((and_(~hidden, stale), 1), else_=0)),
            are_hidden,
            func.max(TaskGitLabLink.created_at),
            func.max(case((~hidden, GitLabProject.renamed_at))),
            *version_of_others(all_seen=all_seen),
            *version_of_rules(none_hidden=func.coalesce(are_hidden, 0) == 0),
        )
        .select_from(TaskGitLabLink)
        .join(GitLabItem, GitLabItem.id == TaskGitLabLink.item_id)
        .join(GitLabProject, GitLabProject.id == GitLabItem.project_id)
        .where(
            TaskGitLabLink.org_id == bindparam("org_id"),
            TaskGitLabLink.task_id == bindparam("task_id"),
        )
    )


def connection_of(org_id: uuid.UUID) -> Connection:
    """The state of the org's integration that affects its links."""
    return Connection.of(db.session.execute(_CONNECTION, {"org_id": org_id}).one_or_none())


_integrations = OrgGitLabIntegration.__table__.c
_CONNECTION = select(
    _integrations.base_url,
    _integrations.token_ciphertext,
    _integrations.error_code,
    _integrations.paused_until,
    _integrations.confidential_roles,
).where(_integrations.org_id == bindparam("org_id"))

# Of tables and columns, not classes: for a list, the ORM costs more than the query.
_links, _items, _projects = (
    model.__table__ for model in (TaskGitLabLink, GitLabItem, GitLabProject)
)
_LINKS = select(*LINK_COLUMNS).select_from(
    _links.join(_items, _items.c.id == _links.c.item_id).join(
        _projects, _projects.c.id == _items.c.project_id
    )
)
# The lists that are asked for most; built once, as building one takes a third of the query's CPU.
# The org is only checked: SQLite would take its index, and read all links of the org.
_ANY_OF_TASK = (
    _LINKS.where(
        _links.c.task_id == bindparam("task_id"),
        (_links.c.org_id == bindparam("org_id")).is_(true()),
    )
    .limit(bindparam("limit"))
    .offset(bindparam("offset"))
)
_OF_TASK = {
    LinkSort.CREATED: _ANY_OF_TASK.order_by(_links.c.id),
    LinkSort.CREATED_DESC: _ANY_OF_TASK.order_by(_links.c.id.desc()),
}


def _joined(org_id: uuid.UUID) -> Select[*tuple[Any, ...]]:
    return _LINKS.where(TaskGitLabLink.org_id == org_id)


def _views(
    org_id: uuid.UUID,
    links: Result[*tuple[Any, ...]],
    viewer: Role | None,
    connection: Connection | None = None,
) -> list[LinkView]:
    now, ttl = utcnow(), settings().metadata_ttl
    connection = connection or connection_of(org_id)
    views = link_views(links.all(), connection, ttl, now, viewer)  # row by row takes longer
    if _worth_a_sync(views, now):
        # Not earlier: a worker would not see the caller's uncommitted changes.
        trigger_after_commit(db.session, JobKind.SYNC, org_id)
    return views


def _worth_a_sync(views: Sequence[LinkView], now: datetime) -> bool:
    """Whether a link is stale and due, so that a triggered sync fetches it."""
    late = {SyncStatus.STALE, SyncStatus.NEVER}
    return any(v.sync.status in late and (v.sync.next_sync_at or now) <= now for v in views)
