"""What waits for an endpoint: to be tried again, or until the endpoint is turned on."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, false, func, or_, select, update
from sqlalchemy.orm import aliased

from gitlab_links.clock import utcnow
from gitlab_links.extensions import change_rows, db
from gitlab_links.outgoing.claims import LEASE
from gitlab_links.outgoing.models import OutgoingDelivery, OutgoingEndpoint, OutgoingStatus
from gitlab_links.storage.waits import TOLERANCE

_one, _endpoint = OutgoingDelivery, OutgoingEndpoint
MADE_DUE_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many events wait, and when the next attempt is due; None if nothing brings one."""

    events: int = 0
    next_at: datetime | None = None


def waiting_for(endpoint: OutgoingEndpoint) -> Waiting:
    """What waits for an endpoint."""
    mine = (_one.endpoint_id == endpoint.id, _one.status == OutgoingStatus.WAITING)
    events, due_at = db.session.execute(
        select(func.count(), func.min(_one.due_at)).where(*mine)
    ).one()
    return Waiting(events, next_attempt(endpoint, due_at))


def next_attempt(endpoint: OutgoingEndpoint, due_at: datetime | None) -> datetime | None:
    """When what is due then is tried; None if the endpoint has to be turned on first."""
    if due_at is None or not endpoint.enabled:
        return None
    return max(due_at, endpoint.paused_until or due_at)


def make_waiting_due(endpoint_id: uuid.UUID, failed_since: datetime | None = None) -> None:
    """Whoever repaired an endpoint does not wait for the next attempt. ``failed_since``: what used
    up its attempts since then is tried as well, from the first. What happened while the endpoint
    was off is due already.
    """
    now, failed = utcnow(), _one.status == OutgoingStatus.FAILED
    # Without a time: by a process of the version before, during an upgrade.
    later = or_(_one.due_at.is_(None), _one.due_at > now)
    kept = and_(_one.status == OutgoingStatus.WAITING, later)
    given_up: Any = false()
    if failed_since is not None:
        given_up = and_(failed, _one.last_attempt_at >= failed_since)
    # In pieces: a single statement for a month of events would take too long.
    piece = (
        select(_one.id)
        .where(_one.endpoint_id == endpoint_id, or_(kept, given_up))
        .limit(MADE_DUE_AT_ONCE)
    )
    first_attempts = case((failed, 0), else_=_one.attempts)
    made_due = {"status": OutgoingStatus.WAITING, "due_at": now, "attempts": first_attempts}
    some_are_left = True
    while some_are_left:
        changed = change_rows(update(_one).where(_one.id.in_(piece)).values(made_due))
        some_are_left = changed == MADE_DUE_AT_ONCE


def endpoints_from_the_future(now: datetime) -> Select[uuid.UUID, uuid.UUID]:
    """Endpoints, and their orgs, that were served, or got their newest event, before the clock was
    set back. No index finds the deliveries themselves: those of an endpoint that is off are many.
    """
    later, any_one = now + TOLERANCE, aliased(_one)
    last_position = (
        select(func.max(any_one.position))
        .where(any_one.endpoint_id == _endpoint.id, any_one.due_at.is_not(None))
        .correlate(_endpoint)
        .scalar_subquery()
    )
    newest = exists().where(
        _one.endpoint_id == _endpoint.id,
        _one.position == last_position,
        _one.due_at > later,
        _one.attempts == 0,
    )
    is_later = or_(_endpoint.last_served_at > later, newest)
    return select(_endpoint.id, _endpoint.org_id).where(is_later)


def make_future_due(now: datetime) -> set[uuid.UUID]:
    """Make due what such endpoints have, and end their pauses and the leases of workers that do
    not renew them. Returns their orgs. The caller commits.
    """
    found = endpoints_from_the_future(now).order_by(_endpoint.id)
    rows = db.session.execute(found.with_for_update(skip_locked=True)).all()
    for row in rows:
        change_rows(
            update(_endpoint)
            .where(_endpoint.id == row.id)
            .values(
                last_served_at=now,
                paused_until=None,
                leased_until=_ended(_endpoint.leased_until, now),
            )
        )
        make_waiting_due(row.id)
        being_sent = (_one.endpoint_id == row.id, _one.status == OutgoingStatus.SENDING)
        change_rows(update(_one).where(*being_sent).values(due_at=_ended(_one.due_at, now)))
    return {row.org_id for row in rows}


def _ended(lease: Any, now: datetime) -> ColumnElement[Any]:
    return case((lease > now + LEASE, now), else_=lease)
