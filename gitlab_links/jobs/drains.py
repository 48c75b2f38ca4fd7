"""One slice of draining for one org: claim a batch, commit, process it, commit, repeat."""

import time
import uuid
from collections.abc import Callable, Sequence

import structlog
from rq.timeouts import JobTimeoutException
from sqlalchemy.exc import OperationalError

from gitlab_links.clock import utcnow
from gitlab_links.deliveries.claims import (
    BATCH_SIZE,
    ClaimedDelivery,
    claim,
    give_back,
    has_due,
    load,
    still_ours,
)
from gitlab_links.deliveries.processing import process
from gitlab_links.events.publishing import has_unpublished
from gitlab_links.extensions import db, settings
from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.job_triggers import JobKind, allow_triggers, suppress_triggers, trigger
from gitlab_links.rules import evaluation

# A flood in one org makes the others wait this long at most.
SLICE_SECONDS = 1.0
# In a burst, wait this long for fuller batches: a batch takes the same number of statements
# whatever its size.
GATHER_SECONDS = 0.05

# What the batches of a burst leave to one job after it, not to one for each batch: events to
# publish, and tasks for the status rules.
_AFTER_A_BURST: dict[JobKind, Callable[[uuid.UUID], bool]] = {
    JobKind.PUBLISH: has_unpublished,
    JobKind.APPLY_RULES: lambda org_id: evaluation.has_due(org_id, utcnow()),
}

# The database is unavailable, or time is up: the leases run out, and nothing is half-written.
LEFT_TO_THE_LEASE = (OperationalError, JobTimeoutException)

log = structlog.get_logger(__name__)


def drain_slice(org_id: uuid.UUID) -> None:
    """Process an org's due deliveries for ``SLICE_SECONDS``; trigger again if more are left.

    Safe to run twice or never: claims are exclusive, effect and state change commit
    together, and the sweep triggers what a lost run left behind.
    """
    ends_at = time.monotonic() + SLICE_SECONDS
    is_burst = False
    while time.monotonic() < ends_at:
        suppress_triggers(JobKind.DRAIN, org_id)
        if is_burst:
            for kind in _AFTER_A_BURST:
                suppress_triggers(kind, org_id)
        taken = _drain_batch(org_id)
        if taken == 0:
            break
        is_burst = is_burst or taken > 1
        if 1 < taken < BATCH_SIZE:
            time.sleep(GATHER_SECONDS)
    # Before the last checks: what arrived meanwhile could not trigger a job.
    allow_triggers(JobKind.DRAIN, org_id)
    if has_due(org_id, utcnow()):
        trigger(JobKind.DRAIN, org_id)
    if is_burst:
        for kind, has_work in _AFTER_A_BURST.items():
            allow_triggers(kind, org_id)
            if has_work(org_id):
                trigger(kind, org_id)
    db.session.rollback()


def _drain_batch(org_id: uuid.UUID) -> int:
    claimed = claim(org_id, utcnow())
    db.session.commit()
    attempts = {delivery.id: delivery.attempts for delivery in claimed}
    try:
        _process_twice(org_id, claimed, attempts)
    except LEFT_TO_THE_LEASE:
        raise
    except Exception:
        db.session.rollback()
        log.exception("delivery.batch_failed", org_id=str(org_id), deliveries=len(attempts))
        for delivery_id, attempt in attempts.items():
            _process_alone(org_id, delivery_id, attempt)
    return len(attempts)


def _process_twice(
    org_id: uuid.UUID, deliveries: Sequence[ClaimedDelivery], attempts: dict[uuid.UUID, int]
) -> None:
    """Retry once after a deadlock or a lost connection, instead of after the lease."""
    try:
        _process(org_id, deliveries, attempts)
    except OperationalError as error:
        db.session.rollback()
        log.warning("delivery.batch_repeated", org_id=str(org_id), error=repr(error.orig))
        _process(org_id, load(list(attempts)), attempts)


def _process(
    org_id: uuid.UUID, deliveries: Sequence[ClaimedDelivery], attempts: dict[uuid.UUID, int]
) -> None:
    ours = still_ours(attempts)
    if not ours:
        return
    claimed = [delivery for delivery in deliveries if delivery.id in ours]
    done = process(org_id, claimed, now=utcnow(), ttl=settings().metadata_ttl)
    db.session.commit()
    log.info(
        "delivery.batch_processed",
        org_id=str(org_id),
        deliveries=len(claimed),
        processed=[outcome.logged() for outcome in done],
    )


def _process_alone(org_id: uuid.UUID, delivery_id: uuid.UUID, attempt: int) -> None:
    """Process one delivery in its own transaction, so that a bad one fails alone."""
    try:
        _process(org_id, load([delivery_id]), {delivery_id: attempt})
    except LEFT_TO_THE_LEASE:
        raise
    except Exception:
        db.session.rollback()
        log.exception("delivery.failed", org_id=str(org_id), delivery_id=str(delivery_id))
        give_back(delivery_id, attempt, ErrorCode.PROCESSING_ERROR, utcnow())
    # Also ends the transaction if the delivery was no longer ours.
    db.session.commit()
