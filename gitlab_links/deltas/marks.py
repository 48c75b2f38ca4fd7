"""Which changes are to be read, and the marks that say how far they were read."""

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, Update, and_, exists, or_, select, tuple_, update
from sqlalchemy.orm import InstrumentedAttribute

from gitlab_links.deltas.intervals import interval
from gitlab_links.deltas.models import BY_TIME, DeltaKind, GitLabDeltaMark
from gitlab_links.extensions import change_rows, db
from gitlab_links.gitlab.items import ItemType
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.observations.models import GitLabProjectWatch
from gitlab_links.storage.database import insert_unless_exists
from gitlab_links.storage.waits import TOLERANCE
from gitlab_links.sync.clock_changes import not_leased
from gitlab_links.sync.due_items import connected

# What GitLab's clocks may differ by, and how late a change may be committed after the time that
# it has. Changes of this time before the mark are read again.
OVERLAP = timedelta(minutes=2)
# The statuses of merge requests change without their time. They are shown within an hour, so
# they are read this often.
STATUSES_EVERY = timedelta(minutes=58)
# One reading of many projects has one time to begin with. Who is further behind reads lists.
MOST_BEHIND = timedelta(hours=1)
NEW_A_TIME = 200

_mark = GitLabDeltaMark
# A project's row and a type of items.
Source = tuple[uuid.UUID, str]
_KINDS = {
    ItemType.ISSUE: (DeltaKind.ISSUE,),
    ItemType.MERGE_REQUEST: (DeltaKind.MERGE_REQUEST, DeltaKind.PIPELINE, DeltaKind.STATUS),
}


@dataclass(frozen=True, slots=True)
class Delta:
    """Changes to read: those at ``since`` and later, by GitLab's clock.

    ``project`` is GitLab's id. ``proven_at`` is when, by our clock, the content of items that
    had not changed by the last reading was current; None if there was none. ``is_due``: it is
    its turn; others are read along where that costs nothing. ``changes`` is how many the last
    reading found, ``failures`` how many failed since, ``group`` the path of its top group.
    """

    mark_id: uuid.UUID
    project_row: uuid.UUID
    project: int
    kind: DeltaKind
    since: datetime
    proven_at: datetime | None
    list_wanted: bool = False
    is_due: bool = True
    due_at: datetime | None = None
    changes: int = 0
    failures: int = 0
    group: str = ""

    @property
    def type(self) -> ItemType:
        """The type of the items; a pipeline is of merge requests."""
        return ItemType.ISSUE if self.kind is DeltaKind.ISSUE else ItemType.MERGE_REQUEST


def due_deltas(org_id: uuid.UUID, base_url: str, now: datetime, limit: int) -> list[Delta]:
    """Up to ``limit`` kinds of projects that are due, the one that is due the longest first."""
    return _deltas(org_id, base_url, now, limit, _is_due(now), _mark.kind.in_(BY_TIME))


def deltas_read_along(
    org_id: uuid.UUID, base_url: str, now: datetime, projects: int
) -> list[Delta]:
    """What one call can read of the org's projects, due or not, what is due the longest first.
    Empty if nothing of it is due.
    """
    most = projects * len(BY_TIME)
    found = _deltas(
        org_id, base_url, now, most, _mark.kind.in_(BY_TIME), _mark.list_wanted.is_(False)
    )
    if not any(delta.is_due for delta in found):
        return []
    latest = max(delta.since for delta in found)
    rows = {delta.project_row for delta in found if delta.since >= latest - MOST_BEHIND}
    chosen = set(sorted(rows)[:projects])
    return [
        delta
        for delta in found
        if delta.project_row in chosen and delta.since >= latest - MOST_BEHIND
    ]


def orgs_due(now: datetime) -> Select[uuid.UUID]:
    """Orgs with something due and without a fetcher; one index probe per connected org."""
    integration = OrgGitLabIntegration
    due = _some_due(now).where(_mark.org_id == integration.org_id)
    wanted = exists().where(
        GitLabItem.org_id == integration.org_id, GitLabItem.status_wanted_at <= now
    )
    return select(integration.org_id).where(
        connected(now), not_leased(now), or_(due.exists(), wanted)
    )


def has_due(org_id: uuid.UUID, now: datetime) -> bool:
    """Whether something of the org is due."""
    due = _some_due(now).where(_mark.org_id == org_id)
    wanted = exists().where(GitLabItem.org_id == org_id, GitLabItem.status_wanted_at <= now)
    return bool(db.session.scalar(select(or_(due.exists(), wanted))))


def ensure_marks(org_id: uuid.UUID, sources: Collection[Source], now: datetime, ttl: int) -> None:
    """Begin to read the changes of these projects and types, if that has not begun."""
    rows = {row for row, _ in sources}
    # A project that was found to be another one has been merged with it.
    found = select(GitLabProject.id).where(GitLabProject.id.in_(rows))
    there = set(db.session.scalars(found)) if rows else set()
    wanted = {
        (row, kind.value)
        for row, type_ in sources
        if row in there
        for kind in _KINDS[ItemType(type_)]
    }
    if not wanted:
        return
    known = {
        (row.project_id, row.kind)
        for row in db.session.execute(
            select(_mark.project_id, _mark.kind).where(
                tuple_(_mark.project_id, _mark.kind).in_(sorted(wanted))
            )
        )
    }
    due_at = now + interval(ttl)
    for project_id, kind in sorted(wanted - known):
        values = {"org_id": org_id, "project_id": project_id, "kind": kind, "due_at": due_at}
        insert_unless_exists(db.session, _mark, values, "project_id", "kind")


def mark_watched_projects(now: datetime, ttl: int) -> int:
    """Begin to read the changes of watched projects, linked or not. Returns how many projects."""
    begun = exists().where(_mark.project_id == GitLabProject.id)
    rows = db.session.execute(
        select(GitLabProject.id, GitLabProject.org_id)
        .where(GitLabProject.gitlab_id.is_not(None), ~begun, _is_watched(GitLabProject.id))
        .limit(NEW_A_TIME)
    ).all()
    for row in rows:
        for kind in (DeltaKind.ISSUE, DeltaKind.MERGE_REQUEST):
            values = {
                "org_id": row.org_id,
                "project_id": row.id,
                "kind": kind.value,
                "due_at": now + interval(ttl),
                # From now on, by whichever clock.
                "seen_until": now - 5 * OVERLAP,
            }
            insert_unless_exists(db.session, _mark, values, "project_id", "kind")
    return len(rows)


def _is_watched(project_id: InstrumentedAttribute[uuid.UUID]) -> ColumnElement[bool]:
    watch = GitLabProjectWatch
    return exists().where(watch.project_id == project_id, watch.picked_at.is_not(None))


def covered_sources(org_id: uuid.UUID, now: datetime) -> frozenset[Source]:
    """Projects and types whose items count as unchanged if they are not among the changes.

    Those of merge requests do so only while their statuses are read as well.
    """
    rows = db.session.execute(
        select(_mark.project_id, _mark.kind, _mark.proven_at).where(
            _mark.org_id == org_id, _mark.proven_at.is_not(None), _mark.failures == 0
        )
    )
    proven = {(row.project_id, row.kind): row.proven_at for row in rows}
    return frozenset(
        (project, kind)
        for project, kind in proven
        if kind == DeltaKind.ISSUE
        or (kind == DeltaKind.MERGE_REQUEST and _has_statuses(proven, project, now))
    )


def _has_statuses(
    proven: dict[tuple[uuid.UUID, str], datetime], project: uuid.UUID, now: datetime
) -> bool:
    statuses = proven.get((project, DeltaKind.STATUS))
    return (
        statuses is not None
        and statuses > now - 2 * STATUSES_EVERY
        and (project, DeltaKind.PIPELINE) in proven
    )


def postpone(org_id: uuid.UUID, until: datetime, now: datetime) -> None:
    """Postpone what is due: the budget of the rate limit is used up."""
    change_rows(update_marks(_mark.org_id == org_id, _mark.due_at <= now).values(due_at=until))


def update_marks(*conditions: ColumnElement[bool]) -> Update:
    """An UPDATE of the marks, which locks them in the order of their ids, as everybody does."""
    found = select(_mark.id).where(*conditions).order_by(_mark.id).with_for_update()
    return update(_mark).where(_mark.id.in_(found))


def locked_marks(mark_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, GitLabDeltaMark]:
    """The marks by id, locked until the commit."""
    rows = db.session.scalars(
        select(_mark)
        .where(_mark.id.in_(list(mark_ids)))
        .order_by(_mark.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {mark.id: mark for mark in rows}


def _deltas(
    org_id: uuid.UUID,
    base_url: str,
    now: datetime,
    limit: int,
    *conditions: ColumnElement[bool],
) -> list[Delta]:
    rows = db.session.execute(
        select(_mark, GitLabProject.gitlab_id, GitLabProject.path)
        .join(GitLabProject, GitLabProject.id == _mark.project_id)
        .where(
            _mark.org_id == org_id,
            GitLabProject.base_url == base_url,
            *_is_wanted(),
            *conditions,
        )
        .order_by(_mark.due_at)
        .limit(limit)
        .execution_options(populate_existing=True)
    )
    return [_delta(mark, gitlab_id or 0, path, now) for mark, gitlab_id, path in rows]


def _delta(mark: GitLabDeltaMark, gitlab_id: int, path: str, now: datetime) -> Delta:
    reached = mark.reached or min(mark.seen_until or now, now) - OVERLAP
    # After the clock was set back, nothing counts as proven.
    is_later = mark.proven_at is not None and mark.proven_at > now + TOLERANCE
    return Delta(
        mark_id=mark.id,
        project_row=mark.project_id,
        project=gitlab_id,
        kind=DeltaKind(mark.kind),
        since=reached.replace(microsecond=reached.microsecond // 1000 * 1000),
        proven_at=None if is_later else mark.proven_at,
        list_wanted=mark.list_wanted,
        is_due=mark.due_at <= now or is_later,
        due_at=mark.due_at,
        changes=mark.changes,
        failures=mark.failures,
        group=path.partition("/")[0],
    )


def _is_due(now: datetime) -> ColumnElement[bool]:
    return or_(_mark.due_at <= now, _mark.proven_at > now + TOLERANCE)


def _is_wanted() -> tuple[ColumnElement[bool], ...]:
    """Changes are read of projects that GitLab has shown, with linked items of that type, and of
    watched ones: an item there may mention a task.
    """
    items = exists().where(GitLabItem.project_id == _mark.project_id)
    issue = and_(_mark.kind == DeltaKind.ISSUE, items.where(GitLabItem.type == ItemType.ISSUE))
    other = and_(
        _mark.kind != DeltaKind.ISSUE, items.where(GitLabItem.type == ItemType.MERGE_REQUEST)
    )
    return (
        GitLabProject.gitlab_id.is_not(None),
        GitLabProject.successor_id.is_(None),
        or_(issue, other, _is_watched(_mark.project_id)),
    )


def _some_due(now: datetime) -> Select[uuid.UUID]:
    integration = OrgGitLabIntegration
    return (
        select(_mark.id)
        .join(GitLabProject, GitLabProject.id == _mark.project_id)
        .where(
            _is_due(now),
            *_is_wanted(),
            exists().where(
                integration.org_id == _mark.org_id, integration.base_url == GitLabProject.base_url
            ),
        )
    )
