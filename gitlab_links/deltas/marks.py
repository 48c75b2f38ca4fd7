"""Which lists of changes are due, and the marks that say how far they were read."""

import random
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select, tuple_, update

from gitlab_links.deltas.models import GitLabDeltaMark
from gitlab_links.extensions import change_rows, db
from gitlab_links.gitlab.items import ItemType
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.freshness import REFRESH_AT
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.storage.database import insert_unless_exists
from gitlab_links.sync.clock_changes import TOLERANCE, not_leased
from gitlab_links.sync.due_items import connected

# What GitLab's clocks may differ by, and how late a change may be committed after the time that
# it has. Changes of this time before the mark are read again.
OVERLAP = timedelta(minutes=2)

# Types whose items count as unchanged if they are not in a list. Of a merge request, pipeline and
# merge status change without its time.
COVERED = frozenset({ItemType.ISSUE})

_mark = GitLabDeltaMark
# A project's row and a type of items.
Source = tuple[uuid.UUID, str]


@dataclass(frozen=True, slots=True)
class Delta:
    """A list of changes to read: those at ``since`` and later, by GitLab's clock.

    ``project`` is GitLab's id. ``proven_at`` is when, by our clock, the content of items that
    had not changed by the last reading was current; None if there was none.
    """

    mark_id: uuid.UUID
    project_row: uuid.UUID
    project: int
    type: ItemType
    since: datetime
    proven_at: datetime | None


def due_deltas(org_id: uuid.UUID, base_url: str, now: datetime, limit: int) -> list[Delta]:
    """Up to ``limit`` lists that are due, the one that is due the longest first."""
    rows = db.session.execute(
        select(_mark, GitLabProject.gitlab_id)
        .join(GitLabProject, GitLabProject.id == _mark.project_id)
        .where(_mark.org_id == org_id, GitLabProject.base_url == base_url, *_is_due(now))
        .order_by(_mark.due_at)
        .limit(limit)
        .execution_options(populate_existing=True)
    )
    return [_delta(mark, gitlab_id or 0, now) for mark, gitlab_id in rows]


def orgs_due(now: datetime) -> Sequence[uuid.UUID]:
    """Orgs with due lists and without a fetcher; one index probe per connected org."""
    integration = OrgGitLabIntegration
    due = _some_due(now).where(_mark.org_id == integration.org_id)
    return db.session.scalars(
        select(integration.org_id).where(connected(now), not_leased(now), due.exists())
    ).all()


def has_due(org_id: uuid.UUID, now: datetime) -> bool:
    """Whether a list of the org is due."""
    due = _some_due(now).where(_mark.org_id == org_id)
    return bool(db.session.scalar(select(due.exists())))


def ensure_marks(org_id: uuid.UUID, sources: Collection[Source], now: datetime, ttl: int) -> None:
    """Begin to read the changes of these projects and types, if that has not begun."""
    if not sources:
        return
    known = {
        (row.project_id, row.kind)
        for row in db.session.execute(
            select(_mark.project_id, _mark.kind).where(
                tuple_(_mark.project_id, _mark.kind).in_(sorted(sources))
            )
        )
    }
    for project_id, kind in sorted(set(sources) - known):
        due_at = now + interval(ttl)
        values = {"org_id": org_id, "project_id": project_id, "kind": kind, "due_at": due_at}
        insert_unless_exists(db.session, _mark, values, "project_id", "kind")


def covered_sources(org_id: uuid.UUID) -> frozenset[Source]:
    """Projects and types whose changes are learned from lists."""
    rows = db.session.execute(
        select(_mark.project_id, _mark.kind).where(
            _mark.org_id == org_id,
            _mark.proven_at.is_not(None),
            _mark.failures == 0,
            _mark.kind.in_(COVERED),
        )
    )
    return frozenset((row.project_id, row.kind) for row in rows)


def postpone(org_id: uuid.UUID, until: datetime, now: datetime) -> None:
    """Postpone the lists that are due: the budget of the rate limit is used up."""
    change_rows(
        update(_mark).where(_mark.org_id == org_id, _mark.due_at <= now).values(due_at=until)
    )


def interval(ttl: int) -> timedelta:
    """The time between two readings; random, to spread the projects."""
    return timedelta(seconds=ttl * REFRESH_AT * random.uniform(0.95, 1.0))  # noqa: S311


def _delta(mark: GitLabDeltaMark, gitlab_id: int, now: datetime) -> Delta:
    reached = mark.reached or (mark.seen_until or now) - OVERLAP
    proven_at = mark.proven_at
    return Delta(
        mark_id=mark.id,
        project_row=mark.project_id,
        project=gitlab_id,
        type=ItemType(mark.kind),
        since=reached.replace(microsecond=reached.microsecond // 1000 * 1000),
        # After the clock was set back, nothing counts as proven.
        proven_at=None if proven_at is None or proven_at > now + TOLERANCE else proven_at,
    )


def _is_due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """A list is due that has linked items, of a project that GitLab has shown."""
    return (
        or_(_mark.due_at <= now, _mark.proven_at > now + TOLERANCE),
        GitLabProject.gitlab_id.is_not(None),
        GitLabProject.successor_id.is_(None),
        exists().where(GitLabItem.project_id == _mark.project_id, GitLabItem.type == _mark.kind),
    )


def _some_due(now: datetime) -> Select[uuid.UUID]:
    integration = OrgGitLabIntegration
    return (
        select(_mark.id)
        .join(GitLabProject, GitLabProject.id == _mark.project_id)
        .where(
            and_(*_is_due(now)),
            exists().where(
                integration.org_id == _mark.org_id, integration.base_url == GitLabProject.base_url
            ),
        )
    )
