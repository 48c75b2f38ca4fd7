"""One slice of draining for one org: claim a batch, commit, process it, commit, again."""

import time
import uuid
from collections.abc import Sequence

import structlog
from sqlalchemy.exc import OperationalError

from gitlab_links.clock import utcnow
from gitlab_links.doorbell import Bell, hold, release, ring
from gitlab_links.extensions import db, settings
from gitlab_links.webhooks.claims import claim, give_back, has_due, load
from gitlab_links.webhooks.models import GitLabWebhookDelivery
from gitlab_links.webhooks.processing import process

SLICE_SECONDS = 5.0

log = structlog.get_logger(__name__)


def drain_slice(org_id: uuid.UUID) -> None:
    """Process what is due for an org, for some seconds at most; ring again if more is left.

    Safe to run twice or never: claims are exclusive, effect and state change commit
    together, and the sweeper rings for whatever a lost run left behind.
    """
    ends_at = time.monotonic() + SLICE_SECONDS
    while time.monotonic() < ends_at:
        hold(Bell.DRAIN, org_id)
        if _drain_batch(org_id) == 0:
            break
    # Released before the last look: what came in meanwhile found the bell held.
    release(Bell.DRAIN, org_id)
    if has_due(org_id, utcnow()):
        ring(Bell.DRAIN, org_id)
    db.session.rollback()


def _drain_batch(org_id: uuid.UUID) -> int:
    claimed = claim(org_id, utcnow())
    db.session.commit()
    if not claimed:
        return 0
    ids = [delivery.id for delivery in claimed]
    try:
        _process(org_id, claimed)
    except OperationalError:
        # The database is away: the leases run out, and nothing was half-written.
        raise
    except Exception:
        db.session.rollback()
        log.exception("delivery.batch_failed", org_id=str(org_id), deliveries=len(ids))
        for delivery_id in ids:
            _process_alone(org_id, delivery_id)
    return len(ids)


def _process(org_id: uuid.UUID, deliveries: Sequence[GitLabWebhookDelivery]) -> None:
    process(org_id, deliveries, now=utcnow(), ttl=settings().metadata_ttl)
    db.session.commit()
    log.info("delivery.batch_processed", org_id=str(org_id), deliveries=len(deliveries))


def _process_alone(org_id: uuid.UUID, delivery_id: uuid.UUID) -> None:
    """One delivery in a transaction of its own, so that a bad one fails by itself."""
    deliveries = load([delivery_id])
    attempts = max((delivery.attempts for delivery in deliveries), default=0)
    try:
        _process(org_id, deliveries)
    except OperationalError:
        raise
    except Exception:
        db.session.rollback()
        log.exception("delivery.failed", org_id=str(org_id), delivery_id=str(delivery_id))
        give_back(delivery_id, attempts, "processing_error", utcnow())
        db.session.commit()
