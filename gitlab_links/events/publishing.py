"""Give events their place in the org's feed, in an order that later commits cannot change.

A transaction may commit after one that began later, so a reader who has seen the newest id may
have missed an older one. Events therefore get their positions after their commit, by one
process at a time: the row of the stream is locked until the positions are committed. Whoever
sees a position sees all before it.
"""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Row, Select, exists, func, select, update

from gitlab_links.events.models import Event, EventStream
from gitlab_links.extensions import db
from gitlab_links.storage.database import upsert

AT_ONCE = 500

Published = Row[*tuple[Any, ...]]

_events = Event.__table__.c
_PUBLISHED = (
    _events.id,
    _events.position,
    _events.type,
    _events.task_id,
    _events.item_id,
    _events.project_id,
    _events.confidential,
    _events.changes,
    _events.cause,
    _events.actor_kind,
)


def publish(org_id: uuid.UUID, limit: int = AT_ONCE) -> Sequence[Published]:
    """Give the oldest unpublished events their positions; returns them in order.

    The caller commits, and calls again after ``limit`` events. Safe to run twice or never:
    the sweep triggers a job for every org with unpublished events.
    """
    last = _locked_position(org_id)
    unpublished = (
        select(
            _events.id, func.row_number().over(order_by=_events.id).cast(BigInteger).label("place")
        )
        .where(_events.org_id == org_id, _events.position.is_(None))
        .order_by(_events.id)
        .limit(limit)
        .subquery()
    )
    rows = db.session.execute(
        update(Event.__table__)  # type: ignore[arg-type]
        .where(_events.id == unpublished.c.id)
        .values(position=unpublished.c.place + last)
        .returning(*_PUBLISHED)
    ).all()
    if rows:
        stream = EventStream.__table__
        db.session.execute(
            update(stream)  # type: ignore[arg-type]
            .where(stream.c.org_id == org_id)
            .values(position=last + len(rows))
        )
    return sorted(rows, key=lambda row: int(row.position))


def _locked_position(org_id: uuid.UUID) -> int:
    """The last position given; locks the stream, which is made if it is missing."""
    locked = select(EventStream.position).where(EventStream.org_id == org_id).with_for_update()
    position = db.session.scalar(locked)
    if position is None:
        new = upsert(db.engine.dialect.name, EventStream)
        db.session.execute(
            new.values(org_id=org_id, position=0).on_conflict_do_nothing(index_elements=["org_id"])
        )
        position = db.session.scalars(locked).one()
    return position


def go_on_beyond(position: int, org_ids: Collection[uuid.UUID]) -> None:
    """Have the next events of these orgs come after ``position``; the caller commits.

    Safe to run twice. The positions in between stay empty, and no cursor in between is taken.
    """
    new = upsert(db.engine.dialect.name, EventStream)
    ahead = new.on_conflict_do_update(
        index_elements=["org_id"],
        set_={"position": position},
        where=EventStream.__table__.c.position < position,
    )
    rows = [{"org_id": org_id, "position": position} for org_id in org_ids]
    if rows:
        db.session.execute(ahead, rows)


def last_position(org_id: uuid.UUID) -> int:
    """The last position that is visible; 0 before the first."""
    found = db.session.scalar(select(EventStream.position).where(EventStream.org_id == org_id))
    return found or 0


def has_unpublished(org_id: uuid.UUID) -> bool:
    """Whether the org has events without a position."""
    waiting = exists().where(Event.org_id == org_id, Event.position.is_(None))
    return bool(db.session.scalar(select(waiting)))


def orgs_with_unpublished(_now: datetime) -> Select[uuid.UUID]:
    """Orgs with events without a position; reads only those."""
    return select(Event.org_id).where(Event.position.is_(None)).distinct()
