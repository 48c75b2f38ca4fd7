"""Claim deliveries for a worker, and return those that it cannot finish."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, exists, or_, select, update

from gitlab_links.deliveries.models import DeliveryStatus, GitLabWebhookDelivery, Proof, proof_of
from gitlab_links.deliveries.retries import (
    LONGEST_SPREAD,
    MAX_ATTEMPTS,
    RETRY_DELAYS,
    reprocessing_delay,
)
from gitlab_links.extensions import change_rows, db
from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.storage.given_values import is_among
from gitlab_links.sync.ordering import CLOCK_TOLERANCE

_delivery = GitLabWebhookDelivery

BATCH_SIZE = 100
BATCH_BYTES = 8 * 1024 * 1024
# How many deliveries with one attempt are claimed together: few, so that one that kills its worker
# delays few others. From the third attempt on, each is claimed alone.
RETAKEN_TOGETHER = 10
LEASE = timedelta(seconds=30)
# The error of a delivery whose attempts all ended without a result, as when the worker dies.
INTERRUPTED = ErrorCode.PROCESSING_INTERRUPTED


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """What processing reads of a delivery; :class:`GitLabWebhookDelivery` explains the fields."""

    id: uuid.UUID
    attempts: int
    event: str | None
    project_path: str | None
    gitlab_type: str | None
    gitlab_iid: int | None
    received_at: datetime
    headers: Mapping[str, str]
    hook_project_id: uuid.UUID | None
    signed: bool
    request_id: str | None
    payload: bytes | None

    @property
    def proof(self) -> Proof:
        """The proof of its origin."""
        return proof_of(self.hook_project_id, signed=self.signed)


# What each batch executes is written of the table: statements of the ORM cost twice as much.
_table = GitLabWebhookDelivery.__table__
_columns = _table.c
_READ = [_columns[name] for name in ClaimedDelivery.__slots__]


def orgs_due(now: datetime) -> Select[uuid.UUID]:
    """Orgs with due deliveries or expired leases; reads only unfinished rows."""
    return select(_delivery.org_id).where(_delivery.due_at <= now).distinct()


def claim(org_id: uuid.UUID, now: datetime) -> Sequence[ClaimedDelivery]:
    """Lease due deliveries to the caller, in the order of receipt.

    After one attempt, a delivery is claimed with few others; after more, alone, so that one
    that kills its worker affects no other. Two workers never get the same row. The claim
    counts as an attempt, so an expired lease counts too. A delivery without attempts left
    becomes failed.
    """
    _give_up_exhausted(org_id, now)
    found = db.session.execute(
        select(_columns.id, _columns.attempts, _columns.size_bytes)
        .where(_is_due(org_id, now))
        .order_by(_columns.id)
        .limit(BATCH_SIZE)
        .with_for_update(skip_locked=True)
    ).all()
    taken = _worth_one_transaction(found)
    if not taken:
        return []
    return _claimed(
        db.session.execute(
            update(_table)  # type: ignore[arg-type]
            .where(_is_one_of(taken))
            .values(
                status=DeliveryStatus.PROCESSING,
                attempts=_columns.attempts + 1,
                due_at=now + LEASE,
            )
            .returning(*_READ)
        )
    )


def _claimed(rows: Iterable[Row[*tuple[Any, ...]]]) -> Sequence[ClaimedDelivery]:
    """In the order of receipt."""
    return sorted((ClaimedDelivery(*row) for row in rows), key=lambda one: one.id)


def _is_one_of(ids: Iterable[uuid.UUID]) -> ColumnElement[bool]:
    return is_among(db.engine.dialect.name, _columns.id, ids)


def _give_up_exhausted(org_id: uuid.UUID, now: datetime) -> None:
    db.session.execute(
        update(_table)  # type: ignore[arg-type]
        .where(_is_due(org_id, now), _columns.attempts >= MAX_ATTEMPTS)
        .values(status=DeliveryStatus.FAILED, error_code=INTERRUPTED, due_at=None, processed_at=now)
    )


def still_ours(attempts: Mapping[uuid.UUID, int]) -> set[uuid.UUID]:
    """The deliveries that no other worker has claimed since; locks them until the commit.

    ``attempts`` are the attempts of each row at its claim. A worker that was stopped for
    longer than its lease must not repeat the work.
    """
    if not attempts:
        return set()
    rows = db.session.execute(
        select(_columns.id, _columns.attempts)
        .where(_is_one_of(attempts), _columns.status == DeliveryStatus.PROCESSING)
        .order_by(_columns.id)
        .with_for_update()
    )
    return {row.id for row in rows if row.attempts == attempts[row.id]}


def load(ids: Sequence[uuid.UUID]) -> Sequence[ClaimedDelivery]:
    """Claimed deliveries with their bodies, in the order of receipt."""
    return _claimed(db.session.execute(select(*_READ).where(_is_one_of(ids))))


def _worth_one_transaction(found: Sequence[Row[uuid.UUID, int, int]]) -> list[uuid.UUID]:
    """The first rows with equal attempts. New deliveries must not delay older ones for ever."""
    if not found:
        return []
    attempts = found[0].attempts
    alike = [row for row in found if row.attempts == attempts]
    taken: list[uuid.UUID] = []
    size = 0
    for row in alike[: {0: BATCH_SIZE, 1: RETAKEN_TOGETHER}.get(attempts, 1)]:
        size += row.size_bytes
        if taken and size > BATCH_BYTES:
            break
        taken.append(row.id)
    return taken


def give_back(delivery_id: uuid.UUID, attempts: int, error_code: str, now: datetime) -> None:
    """Record that attempt number ``attempts`` failed: schedule the next one, or give up.

    Changes nothing if another worker has claimed the delivery since.
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
            due_at=None if failed_for_good else now + reprocessing_delay(attempts),
            processed_at=now if failed_for_good else None,
        )
    )


def _is_due(org_id: uuid.UUID, now: datetime) -> ColumnElement[bool]:
    return and_(_columns.org_id == org_id, _columns.due_at <= now)


def has_due(org_id: uuid.UUID, now: datetime) -> bool:
    """Whether the org has deliveries that a worker may take now."""
    due = exists().where(_is_due(org_id, now))
    return bool(db.session.scalar(select(due)))


def due_in_the_future(now: datetime) -> Select[uuid.UUID, uuid.UUID]:
    """Deliveries, and their orgs, that would wait too long because the clock was set back; reads
    only unfinished rows.
    """
    return select(_delivery.id, _delivery.org_id).where(
        _delivery.due_at > now + CLOCK_TOLERANCE, _waits_too_long(now)
    )


def make_future_due(now: datetime) -> set[uuid.UUID]:
    """Make :func:`due_in_the_future` due. Returns the orgs. The caller commits."""
    rows = db.session.execute(due_in_the_future(now)).all()
    if rows:
        change_rows(
            update(_delivery)
            .where(_delivery.id.in_([row.id for row in rows]), _waits_too_long(now))
            .values(due_at=now)
        )
    return {row.org_id for row in rows}


def _waits_too_long(now: datetime) -> ColumnElement[bool]:
    """Whether a delivery waits longer than its lease or its retry delay can be."""
    later = now + CLOCK_TOLERANCE
    retried = (
        and_(_delivery.attempts == attempts, _delivery.due_at > later + delay * LONGEST_SPREAD)
        for attempts, delay in enumerate(RETRY_DELAYS, start=1)
    )
    received = _delivery.status == DeliveryStatus.RECEIVED
    return or_(
        and_(_delivery.status == DeliveryStatus.PROCESSING, _delivery.due_at > later + LEASE),
        and_(received, or_(_delivery.attempts == 0, _delivery.received_at > later, *retried)),
    )
