"""The feed: an org's events in the order of their positions, from any of them on."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from sqlalchemy import ColumnElement, exists, func, select

from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Permission
from gitlab_links.errors import DomainError
from gitlab_links.events.models import Event, EventType
from gitlab_links.events.publishing import last_position
from gitlab_links.extensions import db
from gitlab_links.links.confidentiality import sees_all
from gitlab_links.links.event_visibility import event_readable, event_withheld
from gitlab_links.links.models import GitLabItem
from gitlab_links.links.queries import connection_of
from gitlab_links.outgoing.bodies import EventBody, event_body


class EventsGone(DomainError, status=HTTPStatus.GONE, code="events_gone"):
    """Events after this cursor were deleted, because they were older than their retention."""


class CursorUnknown(DomainError, status=HTTPStatus.GONE, code="cursor_unknown"):
    """This feed has no such place: the database was restored, and what came after is lost."""


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Events, and the cursor to go on from. It moves on even where nothing may be read."""

    events: Sequence[EventBody]
    next_after: int
    has_more: bool


def feed_page(
    principal: Principal, *, after: int | None, types: Collection[EventType], limit: int
) -> FeedPage:
    """The events behind ``after`` that the caller may read; None starts with the oldest.

    Raises :class:`EventsGone` if some were deleted meanwhile, and :class:`CursorUnknown` for a
    cursor from before a restore that undid events, or from elsewhere.
    """
    org_id = principal.org_id
    head = last_position(org_id)  # before the events: what is published since comes next time
    if after is not None:
        _require_place(org_id, after, head)
    all_seen = sees_all(connection_of(org_id), principal.role)
    rows = db.session.execute(
        select(Event, event_withheld().label("hidden"))
        .outerjoin(GitLabItem, GitLabItem.id == Event.item_id)
        .where(
            Event.org_id == org_id,
            Event.position > (after or 0),
            Event.position <= head,
            event_readable(all_seen=all_seen),
            *_wanted(principal, types),
        )
        .order_by(Event.position)
        .limit(limit + 1)
    ).all()
    page = rows[:limit]
    has_more = len(rows) > limit
    events = [event_body(event, withheld=bool(hidden) and not all_seen) for event, hidden in page]
    ends_at = events[-1].position if has_more else head
    return FeedPage(events, ends_at, has_more)


def _wanted(principal: Principal, types: Collection[EventType]) -> list[ColumnElement[bool]]:
    """The conditions of type; the connection's health is for those who may see its page."""
    found: list[ColumnElement[bool]] = []
    if types:
        found.append(Event.type.in_([one.value for one in types]))
    if not principal.may(Permission.INTEGRATION):
        found.append(Event.type != EventType.CONNECTION_HEALTH_CHANGED.value)
    return found


def _require_place(org_id: uuid.UUID, after: int, head: int) -> None:
    """Every cursor that was given is the head or beside an event; after a restore, those that
    were given since the dump are ahead, or in the gap that ``go_on_beyond`` leaves.
    """
    ours = Event.org_id == org_id
    beside = exists().where(ours, Event.position.in_((after, after + 1)))
    if after == head or db.session.scalar(select(beside)):
        return
    oldest = db.session.scalar(select(func.min(Event.position)).where(ours, Event.position > 0))
    first_kept = head + 1 if oldest is None else oldest
    if after + 1 < first_kept:
        raise EventsGone(
            "Events after this cursor were deleted, because they are older than what is kept. "
            "Read the current state, and go on without `after`."
        )
    raise CursorUnknown(
        "This feed has no such place. If its answer gave you this cursor, the database was "
        "restored from a backup since, and what you read after the backup is undone. Read the "
        "current state, and go on without `after`."
    )
