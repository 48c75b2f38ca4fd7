"""What makes up for lost rings and clears away what is past its time."""

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, and_, delete, select, update

from gitlab_links.accounts.models import AnsweredRequest, LoginSession
from gitlab_links.clock import utcnow
from gitlab_links.doorbell import Bell, release, ring
from gitlab_links.extensions import db, settings
from gitlab_links.installation import note_secret_key
from gitlab_links.jobs.isolation import isolated
from gitlab_links.sync import clock_changes, plan
from gitlab_links.webhooks import claims
from gitlab_links.webhooks.models import DeliveryStatus, GitLabWebhookDelivery

CLEAN_BATCH = 500
DONE = (DeliveryStatus.PROCESSED, DeliveryStatus.IGNORED)

log = structlog.get_logger(__name__)


def sweep() -> None:
    """Ring for due deliveries and due items; costs next to nothing when there are none."""
    now = utcnow()
    with isolated("clock_changes"):
        _make_future_due(now)
    due: list[tuple[Bell, uuid.UUID]] = []
    for bell, orgs_due in ((Bell.DRAIN, claims.orgs_due), (Bell.SYNC, plan.orgs_due)):
        with isolated(f"orgs_due_{bell.name.lower()}"):
            due += [(bell, org_id) for org_id in orgs_due(now)]
    db.session.rollback()
    for bell, org_id in due:
        ring(bell, org_id)


def _make_future_due(now: datetime) -> None:
    """After the clock was set back: what bears a date to come is due now, org by org.

    Redis counts by the same clock: a flag that was to keep rings quiet for seconds would do so
    for as long as the clock was set back.
    """
    orgs = claims.make_future_due(now)
    db.session.commit()
    for org_id in clock_changes.orgs_with_future_dates(now):
        with isolated("clock_changes", org_id):
            while clock_changes.make_items_due(org_id, now):
                db.session.commit()
            clock_changes.make_connection_due(org_id, now)
            db.session.commit()
        orgs.add(org_id)
    for org_id in orgs:
        log.warning("clock.set_back", org_id=str(org_id))
        for bell in Bell:
            release(bell, org_id)


def clean() -> None:
    """Drop old bodies, then old deliveries, then ended login sessions and
    answers kept for a second time, batch by batch.

    And note ``SECRET_KEY`` where none is known yet, as after an upgrade.

    What is not done yet stays whole however old it is, and so does a failed delivery for
    as long as it is kept: both need their bodies.
    """
    note_secret_key()
    db.session.commit()
    delivery, kept = GitLabWebhookDelivery, settings()
    has_body = delivery.payload.is_not(None)
    for old in _batches(delivery, _done_before(kept.webhook_bodies_kept, *DONE), has_body):
        db.session.execute(update(delivery).where(delivery.id.in_(old)).values(payload=None))
    for seconds, statuses in (
        (kept.deliveries_kept, DONE),
        (kept.failed_deliveries_kept, (DeliveryStatus.FAILED,)),
    ):
        for old in _batches(delivery, _done_before(seconds, *statuses)):
            db.session.execute(delete(delivery).where(delivery.id.in_(old)))
    for ended in (LoginSession, AnsweredRequest):
        for old in _batches(ended, ended.expires_at < utcnow()):
            db.session.execute(delete(ended).where(ended.id.in_(old)))


def _done_before(seconds: int, *statuses: DeliveryStatus) -> ColumnElement[bool]:
    delivery = GitLabWebhookDelivery
    return and_(
        delivery.received_at < utcnow() - timedelta(seconds=seconds), delivery.status.in_(statuses)
    )


def _batches(
    model: type[GitLabWebhookDelivery | LoginSession | AnsweredRequest],
    *conditions: ColumnElement[bool],
) -> Iterator[Sequence[uuid.UUID]]:
    """The ids that meet the conditions; what is done with a batch is committed.

    One walk along the primary key, however many batches it takes.
    """
    last: uuid.UUID | None = None
    while True:
        beyond = () if last is None else (model.id > last,)
        found = db.session.scalars(
            select(model.id).where(*conditions, *beyond).order_by(model.id).limit(CLEAN_BATCH)
        ).all()
        if found:
            yield found
        db.session.commit()
        if len(found) < CLEAN_BATCH:
            return
        last = found[-1]
