"""What reading the changes costs, by project, and why each is read as it is."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select

from gitlab_links.deltas.intervals import longest_interval
from gitlab_links.deltas.models import BY_TIME, DeltaKind, GitLabDeltaMark
from gitlab_links.deltas.planning import Source, Way, choose_first
from gitlab_links.deltas.probing import is_refused
from gitlab_links.deltas.trust import Because, reason
from gitlab_links.extensions import db
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.freshness import TRUSTED_FOR
from gitlab_links.links.models import GitLabProject
from gitlab_links.observations.call_counts import CallKind, calls_since
from gitlab_links.observations.change_counts import counts_since
from gitlab_links.observations.models import GitLabProjectWatch
from gitlab_links.observations.project_watches import PROVEN_FOR

SHOWN = timedelta(hours=24)
_mark, _watch = GitLabDeltaMark, GitLabProjectWatch
_MARKS = (
    select(
        _mark,
        GitLabProject.trusted_until,
        _watch.state,
        _watch.last_event_at,
        _watch.last_missed_at,
    )
    .join(GitLabProject, GitLabProject.id == _mark.project_id)
    .outerjoin(_watch, _watch.project_id == _mark.project_id)
    .order_by(_mark.project_id, _mark.kind)
)


class ReadBy(StrEnum):
    """``together``: one call says what changed in many projects. ``list``: by the project's own
    list. ``items``: each item is fetched, because GitLab does not say what changed, or has not
    yet.
    """

    TOGETHER = "together"
    LIST = "list"
    ITEMS = "items"


@dataclass(frozen=True, slots=True)
class ProjectReading:
    """How the changes of a project are read, every so many seconds, and why so often.

    ``error_code``: why they cannot be read. ``calls_today`` and ``calls_yesterday`` are those
    for this project alone, by days in UTC.
    """

    project_id: uuid.UUID
    by: ReadBy
    every_seconds: int
    because: Because
    error_code: str | None = None
    read_at: datetime | None = None
    calls_today: int = 0
    calls_yesterday: int = 0


@dataclass(frozen=True, slots=True)
class CallCosts:
    """The calls of the last 24 hours by purpose, and how each project is read."""

    last_24_hours: Mapping[CallKind, int]
    projects: Sequence[ProjectReading]

    @property
    def total(self) -> int:
        """All calls of the last 24 hours."""
        return sum(self.last_24_hours.values())

    @property
    def an_hour(self) -> int:
        """Calls an hour, on average."""
        return round(self.total / (SHOWN.total_seconds() / 3600))


def call_costs_of(
    org_id: uuid.UUID, integration: OrgGitLabIntegration | None, now: datetime, ttl: int
) -> CallCosts:
    """What calls to GitLab are for, in three SELECTs."""
    refused = integration is not None and is_refused(integration.changes_refused_at, now)
    today, yesterday = now.date(), now.date() - timedelta(days=1)
    counts = counts_since(org_id, (now - PROVEN_FOR).date())
    calls = {(row.project_id, row.day): row.calls for row in counts}
    totals = sum(row.by_webhook for row in counts), sum(row.by_sweep for row in counts)
    rows = db.session.execute(_MARKS.where(_mark.org_id == org_id)).all()
    trusted = {
        row[0].project_id
        for row in rows
        if row.trusted_until is not None and row.trusted_until > now
    }
    why = {row[0].project_id: reason(row, *totals, now) for row in rows}
    marks: defaultdict[uuid.UUID, list[GitLabDeltaMark]] = defaultdict(list)
    for mark, *_ in rows:
        if DeltaKind(mark.kind) in BY_TIME:
            marks[mark.project_id].append(mark)
    sources = [Source(mark.changes) for found in marks.values() for mark in found]
    together = choose_first(sources, answers_many=not refused) is Way.MANY
    readings = [
        _reading(
            project,
            found,
            by=ReadBy.TOGETHER if together else ReadBy.LIST,
            because=_because(why[project], is_trusted=project in trusted),
            calls=(calls.get((project, today), 0), calls.get((project, yesterday), 0)),
            ttl=ttl,
        )
        for project, found in marks.items()
    ]
    return CallCosts(calls_since(org_id, now - SHOWN), readings)


def _because(why: Because, *, is_trusted: bool) -> Because:
    """Webhooks that have just been proven are relied on from the next reading on."""
    return Because.FEW if why is Because.PROVEN and not is_trusted else why


def _reading(
    project: uuid.UUID,
    marks: Collection[GitLabDeltaMark],
    *,
    by: ReadBy,
    because: Because,
    calls: tuple[int, int],
    ttl: int,
) -> ProjectReading:
    read = [mark.proven_at for mark in marks if mark.proven_at is not None]
    error_code = next((mark.error_code for mark in marks if mark.failures), None)
    every = int(longest_interval(ttl))
    if error_code is not None or not read:
        by, every = ReadBy.ITEMS, ttl
    elif because is Because.PROVEN:
        every = int(TRUSTED_FOR.total_seconds())
    read_at = min(read, default=None)
    return ProjectReading(project, by, every, because, error_code, read_at, *calls)
