"""Read the watched projects with their hooks and counts, for pages, API and health."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, or_, select

from gitlab_links.extensions import db
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.freshness import GONE
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.links.unreadable import is_unreadable
from gitlab_links.observations.hook_states import HookState
from gitlab_links.observations.models import GitLabChangeCount, GitLabProjectWatch
from gitlab_links.operations.models import OperationKind
from gitlab_links.operations.queue import targets

COUNTED_DAYS = 7
# A single failure is not reported: the next attempt follows within seconds.
UNREADABLE_AT = 3


@dataclass(frozen=True, slots=True)
class WatchedProject:
    """A project with links, or a chosen one (``picked``). Counts and ``former_path`` cover 7 days.
    ``seen``: GitLab has shown the project. ``gone`` is the number of links whose items GitLab does
    not show. ``hook_wanted``: a worker has yet to create its webhook. ``unreadable`` is the number
    of links whose fetch failed several times in a row, without those to deleted items;
    ``unreadable_code`` is the error, ``reason`` GitLab's reason.
    """

    id: uuid.UUID
    path: str
    former_path: str | None
    renamed_at: datetime | None
    seen: bool
    picked: bool
    base_url: str
    links: int
    gone: int
    hook_state: HookState
    hook_id: int | None
    hook_wanted: bool
    disabled_until: datetime | None
    events_missing: Sequence[str]
    error_code: str | None
    checked_at: datetime | None
    last_event_at: datetime | None
    last_event_via: str | None
    last_missed_at: datetime | None
    changes_by_webhook: int
    changes_by_sweep: int
    unreadable: int
    unreadable_code: str | None
    reason: str | None

    @property
    def only_by_sweep(self) -> bool:
        """Whether there were changes, all found by polling and none by webhook."""
        return self.changes_by_sweep > 0 and self.changes_by_webhook == 0


_watch = GitLabProjectWatch


def watched_projects(
    org_id: uuid.UUID, now: datetime, only: uuid.UUID | None = None
) -> list[WatchedProject]:
    """The org's projects with links and the chosen ones, on its current GitLab, by path."""
    conditions = () if only is None else (GitLabProject.id == only,)
    return watched_by_org([org_id], now, *conditions)[org_id]


def watched_by_org(
    org_ids: Collection[uuid.UUID], now: datetime, *conditions: ColumnElement[bool]
) -> defaultdict[uuid.UUID, list[WatchedProject]]:
    """Like ``watched_projects``, for many orgs in one statement."""
    links = _links_by_project(org_ids).subquery()
    counts = _changes_by_project(org_ids, now).subquery()
    wanted = targets(org_ids, OperationKind.MAKE_HOOK)
    # Columns, not entities: there may be many rows, and they are only read.
    rows = db.session.execute(
        select(
            *_SEEN,
            links.c.links,
            links.c.gone,
            links.c.unreadable,
            links.c.unreadable_code,
            counts.c.by_webhook,
            counts.c.by_sweep,
            wanted.c.target_id.label("wanted"),
        )
        .outerjoin(links, links.c.project_id == GitLabProject.id)
        .join(OrgGitLabIntegration, OrgGitLabIntegration.org_id == GitLabProject.org_id)
        .outerjoin(_watch, _watch.project_id == GitLabProject.id)
        .outerjoin(counts, counts.c.project_id == GitLabProject.id)
        .outerjoin(wanted, wanted.c.target_id == GitLabProject.id)
        .where(
            GitLabProject.org_id.in_(org_ids),
            GitLabProject.base_url == OrgGitLabIntegration.base_url,
            or_(links.c.links.is_not(None), _watch.picked_at.is_not(None)),
            *conditions,
        )
        .order_by(func.lower(GitLabProject.path))
    )
    found: defaultdict[uuid.UUID, list[WatchedProject]] = defaultdict(list)
    for row in rows:
        found[row.org_id].append(_view(row, now))
    return found


def _links_by_project(org_ids: Collection[uuid.UUID]) -> Select[*tuple[Any, ...]]:
    failing = and_(is_unreadable(), GitLabItem.failures >= UNREADABLE_AT)
    return (
        select(
            GitLabItem.project_id,
            func.count().label("links"),
            func.sum(case((GitLabItem.error_code.in_(GONE), 1), else_=0)).label("gone"),
            func.sum(case((failing, 1), else_=0)).label("unreadable"),
            func.max(case((failing, GitLabItem.error_code))).label("unreadable_code"),
        )
        .join(TaskGitLabLink, TaskGitLabLink.item_id == GitLabItem.id)
        .where(GitLabItem.org_id.in_(org_ids))
        .group_by(GitLabItem.project_id)
    )


def _changes_by_project(org_ids: Collection[uuid.UUID], now: datetime) -> Select[*tuple[Any, ...]]:
    since = (now - timedelta(days=COUNTED_DAYS - 1)).date()
    return (
        select(
            GitLabChangeCount.project_id,
            func.sum(GitLabChangeCount.by_webhook).label("by_webhook"),
            func.sum(GitLabChangeCount.by_sweep).label("by_sweep"),
        )
        .where(GitLabChangeCount.org_id.in_(org_ids), GitLabChangeCount.day >= since)
        .group_by(GitLabChangeCount.project_id)
    )


# Shown as they are.
_PLAIN = (
    GitLabProject.id,
    GitLabProject.path,
    GitLabProject.base_url,
    GitLabProject.error_reason.label("reason"),
    _watch.hook_id,
    _watch.disabled_until,
    _watch.error_code,
    _watch.checked_at,
    _watch.last_event_at,
    _watch.last_event_via,
    _watch.last_missed_at,
)
_SEEN = (
    *_PLAIN,
    GitLabProject.org_id,
    GitLabProject.gitlab_id,
    GitLabProject.former_path,
    GitLabProject.renamed_at,
    _watch.state,
    _watch.events_missing,
    _watch.picked_at,
)


def _view(row: Row[*tuple[Any, ...]], now: datetime) -> WatchedProject:
    """The project of a row. Without a watch, the hook's state is unknown."""
    renamed = row.renamed_at is not None and row.renamed_at > now - timedelta(days=COUNTED_DAYS)
    plain: dict[str, Any] = {column.key: getattr(row, column.key) for column in _PLAIN}
    return WatchedProject(
        **plain,
        former_path=row.former_path if renamed else None,
        renamed_at=row.renamed_at if renamed else None,
        seen=row.gitlab_id is not None,
        picked=row.picked_at is not None,
        links=row.links or 0,
        gone=int(row.gone or 0),
        hook_state=HookState(row.state or HookState.UNKNOWN),
        hook_wanted=row.wanted is not None,
        events_missing=tuple(row.events_missing or ()),
        changes_by_webhook=int(row.by_webhook or 0),
        changes_by_sweep=int(row.by_sweep or 0),
        unreadable=int(row.unreadable or 0),
        unreadable_code=row.unreadable_code,
    )
