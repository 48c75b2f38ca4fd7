"""Claim endpoints and their due deliveries for a worker, and keep what it is still sending."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, not_, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, aliased

from gitlab_links.extensions import change_rows, db
from gitlab_links.outgoing.models import OutgoingDelivery, OutgoingEndpoint, OutgoingStatus

# A worker that sends renews it every second. Short, because after a worker has died, its
# endpoints wait for this long.
LEASE = timedelta(seconds=3)
BATCH = 10
# Later events of an item or task wait while an earlier one has failed less often than this, some
# ten minutes; then they pass it, and the receiver can order them by ``position``.
ORDER_KEPT_ATTEMPTS = 4

_endpoint, _delivery = OutgoingEndpoint, OutgoingDelivery


def orgs_due(now: datetime) -> Select[uuid.UUID]:
    """Orgs with an endpoint to which something may be sent now."""
    return select(_endpoint.org_id).where(*_may_send(now)).distinct()


def claim_endpoints(
    now: datetime,
    limit: int,
    *,
    slow: int,
    first: uuid.UUID | None = None,
    but: Collection[uuid.UUID] = (),
) -> Sequence[OutgoingEndpoint]:
    """Lease endpoints with due deliveries to the caller, for ``LEASE`` from now: at most ``slow``
    slow ones, and those served longest ago first, whatever their orgs; of one org first, if it is
    given. None of ``but``, to which the caller still sends: their leases may have run out.

    Two workers never get the same endpoint, so that its deliveries are sent one after another.
    """
    order: list[Any] = [_endpoint.last_served_at.asc().nulls_first(), _endpoint.id]
    if first is not None:
        order.insert(0, (_endpoint.org_id == first).desc())
    due = select(_endpoint).where(*_may_send(now), _endpoint.id.not_in(but))
    found: list[OutgoingEndpoint] = []
    for is_slow, most in ((False, limit), (True, slow)):
        places = min(most, limit - len(found))
        if places > 0:
            kind = due.where(_endpoint.is_slow.is_(is_slow)).order_by(*order).limit(places)
            locked = kind.with_for_update(skip_locked=True)
            found += db.session.scalars(locked.execution_options(populate_existing=True))
    if found:
        change_rows(
            update(_endpoint)
            .where(_endpoint.id.in_([one.id for one in found]))
            .values(leased_until=now + LEASE, last_served_at=now)
        )
    return found


def _may_send(now: datetime) -> list[ColumnElement[bool]]:
    """Nobody sends to it, it is not paused, and something is due for it that waits for nothing
    else. Its replays are sent even while it is disabled or paused: somebody waits for them.
    """
    due = exists().where(_delivery.endpoint_id == _endpoint.id, _delivery.due_at <= now)
    replays = due.where(_delivery.is_replay)
    free = or_(_endpoint.leased_until.is_(None), _endpoint.leased_until < now)
    return [free, or_(and_(_is_open(now), due.where(~_is_kept_back(now))), replays)]


def _is_kept_back(now: datetime) -> ColumnElement[bool]:
    """An earlier event of its item or task has failed and is to be sent again first."""
    earlier = aliased(_delivery)
    return exists().where(
        earlier.endpoint_id == _delivery.endpoint_id,
        earlier.subject_id == _delivery.subject_id,
        earlier.position < _delivery.position,
        earlier.due_at > now,
        earlier.attempts < ORDER_KEPT_ATTEMPTS,
        not_(earlier.is_replay),
    )


def _is_open(now: datetime) -> ColumnElement[bool]:
    not_paused = or_(_endpoint.paused_until.is_(None), _endpoint.paused_until <= now)
    return and_(_endpoint.enabled, not_paused)


def claim_batch(endpoint: OutgoingEndpoint, now: datetime) -> Sequence[OutgoingDelivery]:
    """Lease the endpoint's due deliveries, in the order of their events.

    One alone if it is slow or its last attempt failed. The claim counts as an attempt.
    """
    most = 1 if endpoint.is_slow or endpoint.failures > 0 else BATCH
    is_open = endpoint.enabled and (endpoint.paused_until is None or endpoint.paused_until <= now)
    mine = (_delivery.endpoint_id == endpoint.id, _delivery.due_at <= now)
    taken = _next(most, *mine, _delivery.is_replay)
    if is_open and len(taken) < most:
        others = (not_(_delivery.is_replay), ~_is_kept_back(now))
        taken += _next(most - len(taken), *mine, *others)
    for delivery in taken:
        delivery.status = OutgoingStatus.SENDING
        delivery.attempts += 1
        delivery.due_at = now + LEASE
    db.session.flush()
    return taken


def _next(
    most: int, *which: ColumnElement[bool] | InstrumentedAttribute[bool]
) -> list[OutgoingDelivery]:
    """The next of these deliveries, locked."""
    found = select(_delivery).where(*which).order_by(_delivery.position).limit(most)
    locked = found.with_for_update().execution_options(populate_existing=True)
    return [*db.session.scalars(locked)]


def keep(leases: Mapping[uuid.UUID, datetime], now: datetime) -> dict[uuid.UUID, datetime]:
    """Renew the leases of endpoints that the caller is sending to, and of their deliveries.

    ``leases`` has the end of each. Returns those that it still has: another worker may have taken
    an endpoint whose lease ran out.
    """
    until = now + LEASE
    by_end: defaultdict[datetime, list[uuid.UUID]] = defaultdict(list)
    for endpoint_id, end in leases.items():
        by_end[end].append(endpoint_id)
    kept: list[uuid.UUID] = []
    for end, endpoint_ids in by_end.items():
        kept += db.session.scalars(
            update(_endpoint)
            .where(_endpoint.id.in_(endpoint_ids), _endpoint.leased_until == end)
            .values(leased_until=until)
            .returning(_endpoint.id)
            .execution_options(synchronize_session=False)
        )
    sending = _delivery.status == OutgoingStatus.SENDING
    theirs = (_delivery.endpoint_id.in_(kept), _delivery.due_at.is_not(None))
    change_rows(update(_delivery).where(*theirs, sending).values(due_at=until))
    return dict.fromkeys(kept, until)


def release(endpoint_id: uuid.UUID, leased_until: datetime) -> None:
    """End the lease of an endpoint, unless another worker has taken it since."""
    ours = (_endpoint.id == endpoint_id, _endpoint.leased_until == leased_until)
    change_rows(update(_endpoint).where(*ours).values(leased_until=None))


def has_due(now: datetime) -> bool:
    """Whether something may be sent now, to any endpoint."""
    return db.session.scalar(select(_endpoint.id).where(*_may_send(now)).limit(1)) is not None
