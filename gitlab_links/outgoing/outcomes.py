"""Save what came of an attempt, in the delivery and in its endpoint."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TypeVar

import structlog
from sqlalchemy import select, update

from gitlab_links.clock import utcnow
from gitlab_links.extensions import change_rows, db
from gitlab_links.outgoing.models import OutgoingDelivery, OutgoingEndpoint, OutgoingStatus
from gitlab_links.outgoing.retries import (
    DISABLED_AFTER,
    DISABLED_AFTER_FAILURES,
    LONGEST_BETWEEN,
    MAX_ATTEMPTS,
    clamped,
    endpoint_pause,
    resending_delay,
)
from gitlab_links.outgoing.transport import Outcome

SLOW_SECONDS, QUICK_SECONDS = 2.5, 1.0
ATTEMPTS_KEPT = 20
POSTPONED_FOR = timedelta(minutes=1)
GONE_REASON = "It answered 410: this address takes no events any more."
DAY_REASON = "Everything sent to it failed for a day."
FAULT = "This service failed while sending it. Its log has the reason."

Row = TypeVar("Row", OutgoingDelivery, OutgoingEndpoint)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sent:
    """An attempt that is over."""

    endpoint_id: uuid.UUID
    delivery_id: uuid.UUID
    attempt: int
    outcome: Outcome


def save(sent: Sequence[Sent], now: datetime) -> None:
    """Save the outcomes of attempts, in four statements however many there are; nothing of those
    whose delivery another worker has claimed since. The caller commits.
    """
    if not sent:
        return
    # Endpoints first, as whoever renews leases: else each could wait for the other.
    endpoints = _locked(OutgoingEndpoint, {one.endpoint_id for one in sent})
    deliveries = _locked(OutgoingDelivery, {one.delivery_id for one in sent})
    for one in sent:
        delivery = deliveries.get(one.delivery_id)
        if delivery is not None and _is_ours(delivery, one.attempt):
            _save_one(delivery, endpoints[one.endpoint_id], one, now)
    db.session.flush()


def _locked(model: type[Row], ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Row]:
    rows = db.session.scalars(
        select(model)
        .where(model.id.in_(ids))
        .order_by(model.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {row.id: row for row in rows}


def _save_one(
    delivery: OutgoingDelivery, endpoint: OutgoingEndpoint, sent: Sent, now: datetime
) -> None:
    outcome = sent.outcome
    _note_attempt(delivery, outcome, now)
    if outcome.failure is None:
        _end(delivery, OutgoingStatus.DELIVERED)
        note_success(endpoint, outcome, now)
    elif delivery.is_replay:
        _end(delivery, OutgoingStatus.FAILED)
    else:
        _schedule(delivery, sent.attempt, outcome, now)
        _note_failure(endpoint, delivery, outcome, now)


def note_fault(delivery: OutgoingDelivery, now: datetime) -> None:
    """Count an attempt for which this service could not even make the request. It is no failure
    of the endpoint, which gets its other events.
    """
    outcome = Outcome(0.0, failure=FAULT)
    _note_attempt(delivery, outcome, now)
    if delivery.is_replay:
        _end(delivery, OutgoingStatus.FAILED)
    else:
        _schedule(delivery, delivery.attempts, outcome, now)


def _note_attempt(delivery: OutgoingDelivery, outcome: Outcome, now: datetime) -> None:
    delivery.last_attempt_at = now
    delivery.last_status, delivery.last_error = outcome.status, outcome.failure
    delivery.last_answer = outcome.answer or None
    said = {
        "at": now.isoformat(),
        "status": outcome.status,
        "error": outcome.failure,
        "seconds": round(outcome.seconds, 3),
        "replay": delivery.is_replay,
    }
    delivery.history = [*delivery.history, said][-ATTEMPTS_KEPT:]


def _is_ours(delivery: OutgoingDelivery, attempt: int) -> bool:
    return delivery.status == OutgoingStatus.SENDING and delivery.attempts == attempt


def _end(delivery: OutgoingDelivery, status: OutgoingStatus) -> None:
    delivery.status, delivery.due_at, delivery.is_replay = status, None, False


def _schedule(delivery: OutgoingDelivery, attempt: int, outcome: Outcome, now: datetime) -> None:
    if attempt >= MAX_ATTEMPTS:
        _end(delivery, OutgoingStatus.FAILED)
        return
    delivery.status = OutgoingStatus.WAITING
    delivery.due_at = now + max(resending_delay(attempt), clamped(outcome.retry_after))


def note_success(endpoint: OutgoingEndpoint, outcome: Outcome, now: datetime) -> None:
    """Something arrived: the endpoint does not fail any more, and is not paused."""
    endpoint.last_success_at = now
    if endpoint.enabled:  # else what failed since then is sent when it is turned on
        endpoint.failures, endpoint.failing_since, endpoint.paused_until = 0, None, None
    _note_pace(endpoint, outcome)


def _note_failure(
    endpoint: OutgoingEndpoint, delivery: OutgoingDelivery, outcome: Outcome, now: datetime
) -> None:
    endpoint.failures += 1
    endpoint.failing_since = _failing_since(endpoint, now)
    endpoint.last_failure_at, endpoint.last_failure = now, outcome.failure
    pause = max(endpoint_pause(endpoint.failures), clamped(outcome.retry_after))
    endpoint.paused_until = now + pause if pause else None
    _note_pace(endpoint, outcome)
    log.warning(
        "outgoing.not_delivered",
        org_id=str(endpoint.org_id),
        endpoint_id=str(endpoint.id),
        delivery_id=str(delivery.id),
        attempt=delivery.attempts,
        reason=outcome.failure,
    )
    if outcome.status == HTTPStatus.GONE:
        _disable(endpoint, GONE_REASON, now)
    elif (
        endpoint.failures >= DISABLED_AFTER_FAILURES
        and endpoint.failing_since <= now - DISABLED_AFTER
    ):
        _disable(endpoint, DAY_REASON, now)


def _failing_since(endpoint: OutgoingEndpoint, now: datetime) -> datetime:
    """Later by what does not count of the time since the last failure."""
    since, last = endpoint.failing_since, endpoint.last_failure_at
    if since is None or last is None:
        return now
    since += max(now - last - LONGEST_BETWEEN, timedelta())
    return min(since, now)  # the clock may have been ahead when it began to fail


def _note_pace(endpoint: OutgoingEndpoint, outcome: Outcome) -> None:
    if outcome.seconds > SLOW_SECONDS:
        endpoint.is_slow = True
    elif outcome.seconds < QUICK_SECONDS:
        endpoint.is_slow = False


def _disable(endpoint: OutgoingEndpoint, reason: str, now: datetime) -> None:
    endpoint.enabled, endpoint.disabled_at, endpoint.disabled_reason = False, now, reason
    log.warning("outgoing.disabled", endpoint_id=str(endpoint.id), reason=reason)


def give_back(deliveries: Sequence[tuple[uuid.UUID, int]]) -> None:
    """Return deliveries that were claimed and not sent; the attempt does not count."""
    for delivery_id, attempt in deliveries:
        one = OutgoingDelivery
        change_rows(
            update(one)
            .where(
                one.id == delivery_id,
                one.status == OutgoingStatus.SENDING,
                one.attempts == attempt,
            )
            .values(status=OutgoingStatus.WAITING, attempts=attempt - 1, due_at=utcnow())
        )


def postpone(
    endpoint: OutgoingEndpoint,
    deliveries: Sequence[OutgoingDelivery],
    reason: str,
    now: datetime,
) -> None:
    """Try again later what this service itself could not send, as without the right encryption
    key. It is no failure of the endpoint, and no attempt.
    """
    endpoint.paused_until = now + POSTPONED_FOR
    for delivery in deliveries:
        delivery.status, delivery.due_at = OutgoingStatus.WAITING, now + POSTPONED_FOR
        delivery.attempts -= 1
        delivery.last_error = reason[:200]


def drop(delivery_id: uuid.UUID, reason: str) -> None:
    """End a delivery that may not be sent any more."""
    one = OutgoingDelivery
    change_rows(
        update(one)
        .where(one.id == delivery_id)
        .values(status=OutgoingStatus.DROPPED, due_at=None, is_replay=False, last_error=reason)
    )
