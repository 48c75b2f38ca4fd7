"""What makes up for lost rings and clears away what is past its time."""

import uuid
from datetime import timedelta

import structlog
from sqlalchemy import delete, select, update

from gitlab_links.accounts.models import LoginSession
from gitlab_links.clock import utcnow
from gitlab_links.doorbell import Bell, ring
from gitlab_links.extensions import db
from gitlab_links.sync import plan
from gitlab_links.webhooks import claims
from gitlab_links.webhooks.models import DeliveryStatus, GitLabWebhookDelivery

PAYLOADS_KEPT = timedelta(days=7)
DELIVERIES_KEPT = timedelta(days=30)
FAILED_KEPT = timedelta(days=90)
CLEAN_BATCH = 500

log = structlog.get_logger(__name__)


def sweep() -> None:
    """Ring for due deliveries and due items; costs next to nothing when there are none."""
    now = utcnow()
    drains, syncs = claims.orgs_due(now), plan.orgs_due(now)
    db.session.rollback()
    for org_id in drains:
        ring(Bell.DRAIN, org_id)
    for org_id in syncs:
        ring(Bell.SYNC, org_id)


def clean() -> None:
    """Drop old bodies, then old deliveries, then ended login sessions, batch by batch."""
    while _drop_bodies():
        pass
    while _drop_deliveries(DELIVERIES_KEPT, (DeliveryStatus.PROCESSED, DeliveryStatus.IGNORED)):
        pass
    while _drop_deliveries(FAILED_KEPT, (DeliveryStatus.FAILED,)):
        pass
    db.session.execute(delete(LoginSession).where(LoginSession.expires_at < utcnow()))
    db.session.commit()


def _drop_bodies() -> bool:
    delivery = GitLabWebhookDelivery
    old = _batch(
        select(delivery.id).where(
            delivery.received_at < utcnow() - PAYLOADS_KEPT,
            delivery.payload.is_not(None),
            delivery.status.in_((DeliveryStatus.PROCESSED, DeliveryStatus.IGNORED)),
        )
    )
    db.session.execute(update(delivery).where(delivery.id.in_(old)).values(payload=None))
    db.session.commit()
    return len(old) == CLEAN_BATCH


def _drop_deliveries(kept: timedelta, statuses: tuple[DeliveryStatus, ...]) -> bool:
    delivery = GitLabWebhookDelivery
    old = _batch(
        select(delivery.id).where(
            delivery.received_at < utcnow() - kept, delivery.status.in_(statuses)
        )
    )
    db.session.execute(delete(delivery).where(delivery.id.in_(old)))
    db.session.commit()
    return len(old) == CLEAN_BATCH


def _batch(statement: object) -> list[uuid.UUID]:
    return list(db.session.scalars(statement.limit(CLEAN_BATCH)))  # type: ignore[attr-defined]
