"""What GitLab says has changed in projects, beside what is stored of it."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, or_, select

from gitlab_links.deltas.marks import Delta
from gitlab_links.deltas.models import DeltaKind
from gitlab_links.deltas.planning import Source as PlannedSource
from gitlab_links.deltas.planning import Way, choose_for_outdated
from gitlab_links.extensions import db
from gitlab_links.gitlab.project_changes import ChangedPipeline, Changes, ProjectChanges
from gitlab_links.links.models import GitLabItem

# GraphQL's times have no fractions of a second.
SECOND = timedelta(seconds=1)

_item = GitLabItem
FoundRow = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Outdated:
    """What changed in a project and is not stored: rows of linked items, and how many others."""

    items: Sequence[uuid.UUID]
    unlinked: int


@dataclass(frozen=True, slots=True)
class Seen:
    """The changes by project's row and kind, and the linked items among them."""

    changed: Mapping[tuple[uuid.UUID, DeltaKind], Mapping[int, datetime]]
    unread: frozenset[uuid.UUID]
    linked: Mapping[tuple[uuid.UUID, str, int], FoundRow]
    pipelines: Mapping[int, Sequence[ChangedPipeline]]

    @classmethod
    def of(cls, deltas: Sequence[Delta], changes: Changes) -> "Seen":
        changed: dict[tuple[uuid.UUID, DeltaKind], Mapping[int, datetime]] = {}
        unread, pipelines = set(), {}
        for delta in deltas:
            of_project = changes.projects.get(delta.project)
            if delta.kind is DeltaKind.PIPELINE and of_project and of_project.pipelines is not None:
                pipelines[delta.project] = of_project.pipelines
                continue
            times = _times(delta, of_project)
            if times is None:
                unread.add(delta.mark_id)
            else:
                changed[delta.project_row, delta.kind] = times
        return cls(changed, frozenset(unread), _linked(changed), pipelines)

    def wants_list(self, delta: Delta, *, reads_unlinked: bool) -> bool:
        """Whether the project's list is to be read."""
        if delta.mark_id in self.unread:
            return True
        found = self.outdated_of(delta)
        if not found.items and not (found.unlinked and reads_unlinked):
            return False
        way = choose_for_outdated(
            PlannedSource(delta.changes),
            outdated=len(found.items),
            unlinked=found.unlinked,
            reads_unlinked=reads_unlinked,
        )
        return way is Way.LIST

    def outdated_of(self, delta: Delta) -> Outdated:
        changed = self.changed.get((delta.project_row, delta.kind), {})
        rows = {iid: self.linked.get((delta.project_row, delta.kind.value, iid)) for iid in changed}
        items = [
            row.id
            for iid, row in rows.items()
            if row is not None and not _is_current(row, changed[iid])
        ]
        return Outdated(items, sum(row is None for row in rows.values()))

    def linked_of(self, delta: Delta) -> list[FoundRow]:
        source = (delta.project_row, delta.kind.value)
        return [row for (row_id, kind, _), row in self.linked.items() if (row_id, kind) == source]


def _times(delta: Delta, changes: ProjectChanges | None) -> dict[int, datetime] | None:
    """The changes since the delta's own time; None if GitLab did not say all of them."""
    if changes is None or delta.kind is DeltaKind.PIPELINE:
        return None
    all_ = changes.issues if delta.kind is DeltaKind.ISSUE else changes.merge_requests
    if all_ is None:
        return None
    return {iid: moment for iid, moment in all_.items() if moment > delta.since - SECOND}


def _linked(
    changed: Mapping[tuple[uuid.UUID, DeltaKind], Mapping[int, datetime]],
) -> dict[tuple[uuid.UUID, str, int], FoundRow]:
    """The linked items among the changes, in one SELECT at most."""
    conditions = [
        and_(_item.project_id == row, _item.type == kind.value, _item.iid.in_(times.keys()))
        for (row, kind), times in changed.items()
        if times
    ]
    if not conditions:
        return {}
    rows = db.session.execute(
        select(
            _item.id,
            _item.project_id,
            _item.type,
            _item.iid,
            _item.source_updated_at,
            _item.unconfirmed_since,
        ).where(or_(*conditions))
    )
    return {(row.project_id, row.type, row.iid): row for row in rows}


def _is_current(row: FoundRow, moment: datetime) -> bool:
    """Whether the cached content is of the second in which GitLab has the item's last change."""
    known: datetime | None = row.source_updated_at
    return known is not None and known.replace(microsecond=0) >= moment.replace(microsecond=0)
