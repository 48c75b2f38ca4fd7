"""Reading the timeline of a task, the newest first."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, or_, select

from gitlab_links.events.models import Event, EventType
from gitlab_links.extensions import db
from gitlab_links.links.event_visibility import event_readable, event_withheld, with_items
from gitlab_links.paging import Position, paged
from gitlab_links.rollup.visibility import Visibility


class Topic(StrEnum):
    """What to show of a timeline."""

    STATUS = "status"
    LINKS = "links"
    GITLAB = "gitlab"
    ALL = "all"


TYPES: Mapping[Topic, frozenset[EventType]] = {
    Topic.STATUS: frozenset(
        {
            EventType.TASK_STATUS_CHANGED,
            EventType.TASK_PINNED,
            EventType.TASK_UNPINNED,
        }
    ),
    Topic.LINKS: frozenset({EventType.LINK_CREATED, EventType.LINK_REMOVED}),
    Topic.GITLAB: frozenset({EventType.LINK_CHANGED}),
    Topic.ALL: frozenset(),
}
# Changes of an item that matter to a task; others, as of labels, are only shown when asked for.
MATTERS = ("state", "draft", "pipeline_status", "confidential", "missing", "item")

REVIEWED = frozenset({"not_approved", "requested_changes"})


@dataclass(frozen=True, slots=True)
class Entry:
    """An event, and whether the reader may see no more than ids and the reference."""

    event: Event
    withheld: bool

    @property
    def id(self) -> uuid.UUID:
        """The event's id, by which timelines are ordered."""
        return self.event.id


def timeline_page(
    visibility: Visibility,
    task_id: uuid.UUID,
    types: Collection[EventType] = (),
    *,
    all_changes: bool = True,
    after: Position | None = None,
    limit: int | None = None,
) -> Sequence[Entry]:
    """The events of a task that the caller may read, of these types or of all.

    ``all_changes``: also changes of items that do not matter to the task. One query.
    """
    all_seen = visibility.sees_all
    statement = with_items(select(Event)).add_columns(event_withheld().label("hidden"))
    statement = statement.where(
        Event.org_id == visibility.org_id,
        Event.task_id == task_id,
        event_readable(all_seen=all_seen),
    )
    if types:
        statement = statement.where(Event.type.in_([one.value for one in types]))
    if not all_changes:
        statement = statement.where(_matters())
    rows = paged(statement, Event.id, descending=True, after=after, limit=limit)
    return [
        Entry(event, withheld=bool(hidden) and not all_seen)
        for event, hidden in db.session.execute(rows)
    ]


def _matters() -> ColumnElement[bool]:
    changed = [Event.changes[name].as_string().is_not(None) for name in MATTERS]
    # Approved, or changes requested: the merge status is the only word of it.
    approvals = [
        Event.changes[("merge_status", place)].as_string().in_(REVIEWED) for place in (0, 1)
    ]
    return or_(Event.type != EventType.LINK_CHANGED.value, *changed, *approvals)


def references_of(task_id: uuid.UUID, item_ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, str]:
    """What the task's timeline calls these items, also those that are not linked any more."""
    if not item_ids:
        return {}
    rows = db.session.execute(
        select(Event.item_id, Event.reference)
        .where(
            Event.task_id == task_id,
            Event.item_id.in_(item_ids),
            Event.type == EventType.LINK_CREATED.value,
        )
        .order_by(Event.id)
    )
    return {row.item_id: row.reference for row in rows if row.item_id and row.reference}
