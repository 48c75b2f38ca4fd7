"""What waits for an endpoint: to be tried again, or until the endpoint is turned on."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, false, func, or_, select, update

from gitlab_links.clock import utcnow
from gitlab_links.extensions import change_rows, db
from gitlab_links.outgoing.models import OutgoingDelivery, OutgoingEndpoint, OutgoingStatus

_one = OutgoingDelivery
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
