"""Which deliveries a worker takes, and what becomes of those it cannot finish."""

import random
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Row, and_, exists, or_, select, update
from sqlalchemy.orm import undefer

from gitlab_links.deliveries.models import DeliveryStatus, GitLabWebhookDelivery
from gitlab_links.extensions import change_rows, db
from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.sync.ordering import CLOCK_TOLERANCE

BATCH_SIZE = 100
BATCH_BYTES = 8 * 1024 * 1024
# How many are taken together by the attempts they had: what a kill interrupted is made good soon,
# and what kills its worker each time is by itself from the third attempt.
RETAKEN_TOGETHER = 10
LEASE = timedelta(seconds=30)
# Waiting times before the second and each later attempt.
RETRY_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1800, 3600, 14400))
LONGEST_SPREAD = 1.2
MAX_ATTEMPTS = len(RETRY_DELAYS) + 1
# Said of a delivery whose every attempt ended without a word, as when it kills its worker.
INTERRUPTED = ErrorCode.PROCESSING_INTERRUPTED


def orgs_due(now: datetime) -> Sequence[uuid.UUID]:
    """Orgs with deliveries to process or leases that ran out; reads only the undone rows."""
    delivery = GitLabWebhookDelivery
    return db.session.scalars(
        select(delivery.org_id).where(delivery.due_at <= now).distinct()
    ).all()


def claim(org_id: uuid.UUID, now: datetime) -> Sequence[GitLabWebhookDelivery]:
    """Take due deliveries in the order they came, leased to the caller.

    One that was attempted once is taken with few others, one attempted more often by itself:
    whatever kills its worker then harms no other. Two workers never get the same row. The
    claim counts as an attempt, so that a lease that runs out does, too: after the last one
    it is failed.
    """
    delivery = GitLabWebhookDelivery
    _give_up_exhausted(org_id, now)
    found = db.session.execute(
        select(delivery.id, delivery.attempts, delivery.size_bytes)
        .where(delivery.org_id == org_id, delivery.due_at <= now)
        .order_by(delivery.id)
        .limit(BATCH_SIZE)
        .with_for_update(skip_locked=True)
    ).all()
    taken = _worth_one_transaction(found)
    if not taken:
        return []
    change_rows(
        update(delivery)
        .where(delivery.id.in_(taken))
        .values(
            status=DeliveryStatus.PROCESSING, attempts=delivery.attempts + 1, due_at=now + LEASE
        )
    )
    return load(taken)


def _give_up_exhausted(org_id: uuid.UUID, now: datetime) -> None:
    delivery = GitLabWebhookDelivery
    change_rows(
        update(delivery)
        .where(delivery.org_id == org_id, delivery.due_at <= now, delivery.attempts >= MAX_ATTEMPTS)
        .values(status=DeliveryStatus.FAILED, error_code=INTERRUPTED, due_at=None, processed_at=now)
    )


def still_ours(attempts: Mapping[uuid.UUID, int]) -> set[uuid.UUID]:
    """Which deliveries nobody took over since they were claimed; locked until the commit.

    ``attempts`` is what each row had when it was claimed. A worker that was stopped for
    longer than its lease must not do the work twice.
    """
    if not attempts:
        return set()
    delivery = GitLabWebhookDelivery
    rows = db.session.execute(
        select(delivery.id, delivery.attempts)
        .where(delivery.id.in_(attempts), delivery.status == DeliveryStatus.PROCESSING)
        .order_by(delivery.id)
        .with_for_update()
    )
    return {row.id for row in rows if row.attempts == attempts[row.id]}


def load(ids: Sequence[uuid.UUID]) -> Sequence[GitLabWebhookDelivery]:
    """Deliveries with their bodies, in the order they came."""
    delivery = GitLabWebhookDelivery
    return db.session.scalars(
        select(delivery)
        .where(delivery.id.in_(ids))
        .order_by(delivery.id)
        .options(undefer(delivery.payload))
        .execution_options(populate_existing=True)
    ).all()


def _worth_one_transaction(found: Sequence[Row[uuid.UUID, int, int]]) -> list[uuid.UUID]:
    """In the order they came: else a flood of fresh ones would hold up the others for ever."""
    if not found:
        return []
    attempts = found[0].attempts
    alike = [row for row in found if row.attempts == attempts]
    taken: list[uuid.UUID] = []
    size = 0
    for row in alike[: _taken_together(attempts)]:
        size += row.size_bytes
        if taken and size > BATCH_BYTES:
            break
        taken.append(row.id)
    return taken


def _taken_together(attempts: int) -> int:
    if attempts == 0:
        return BATCH_SIZE
    return RETAKEN_TOGETHER if attempts == 1 else 1


def give_back(delivery_id: uuid.UUID, attempts: int, error_code: str, now: datetime) -> None:
    """Note that attempt number ``attempts`` failed: try again later, or leave it to a person.

    Changes nothing if another worker has claimed the delivery meanwhile.
    """
    failed_for_good = attempts >= MAX_ATTEMPTS
    change_rows(
        update(GitLabWebhookDelivery)
        .where(
            GitLabWebhookDelivery.id == delivery_id,
            GitLabWebhookDelivery.status == DeliveryStatus.PROCESSING,
            GitLabWebhookDelivery.attempts == attempts,
        )
        .values(
            status=DeliveryStatus.FAILED if failed_for_good else DeliveryStatus.RECEIVED,
            error_code=error_code,
            due_at=None if failed_for_good else now + retry_delay(attempts),
            processed_at=now if failed_for_good else None,
        )
    )


def retry_delay(attempts: int) -> timedelta:
    """How long to wait after so many attempts, spread by a fifth."""
    return RETRY_DELAYS[min(attempts, len(RETRY_DELAYS)) - 1] * random.uniform(0.8, LONGEST_SPREAD)  # noqa: S311


def has_due(org_id: uuid.UUID, now: datetime) -> bool:
    """Whether the org has deliveries that a worker may take now."""
    delivery = GitLabWebhookDelivery
    due = exists().where(delivery.org_id == org_id, delivery.due_at <= now)
    return bool(db.session.scalar(select(due)))


def make_future_due(now: datetime) -> set[uuid.UUID]:
    """Make due what waits for longer than any rule has it wait: the clock was set back since.

    Gives the orgs; reads only the undone rows. The caller commits.
    """
    delivery = GitLabWebhookDelivery
    rows = db.session.execute(
        select(delivery.id, delivery.org_id).where(
            delivery.due_at > now + CLOCK_TOLERANCE, _waits_too_long(now)
        )
    ).all()
    if rows:
        change_rows(
            update(delivery)
            .where(delivery.id.in_([row.id for row in rows]), _waits_too_long(now))
            .values(due_at=now)
        )
    return {row.org_id for row in rows}


def _waits_too_long(now: datetime) -> ColumnElement[bool]:
    """Nothing waits for its first attempt, a lease and each later wait have a known length."""
    delivery = GitLabWebhookDelivery
    later = now + CLOCK_TOLERANCE
    retried = (
        and_(delivery.attempts == attempts, delivery.due_at > later + delay * LONGEST_SPREAD)
        for attempts, delay in enumerate(RETRY_DELAYS, start=1)
    )
    received = delivery.status == DeliveryStatus.RECEIVED
    return or_(
        and_(delivery.status == DeliveryStatus.PROCESSING, delivery.due_at > later + LEASE),
        and_(received, or_(delivery.attempts == 0, delivery.received_at > later, *retried)),
    )
