"""The sweep, which makes up for lost triggers, and the deletion of old rows."""

import time
import uuid
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, Delete, Update, and_, delete, select, update

from gitlab_links.account_links.models import AccountLink
from gitlab_links.accounts.models import AnsweredRequest, LoginSession
from gitlab_links.backfills import changes as backfills
from gitlab_links.clock import utcnow
from gitlab_links.deliveries import claims
from gitlab_links.deliveries.models import DeliveryStatus, GitLabWebhookDelivery
from gitlab_links.events.models import Event
from gitlab_links.extensions import db, settings
from gitlab_links.invitations.models import Invitation
from gitlab_links.job_triggers import JobKind, allow_triggers, trigger, trigger_mails
from gitlab_links.jobs import due_work, link_mails, long_waits
from gitlab_links.jobs.org_isolation import isolated
from gitlab_links.mentions import pending
from gitlab_links.outgoing import waiting
from gitlab_links.search import forgetting
from gitlab_links.storage.database import first_id_at, renew_statistics
from gitlab_links.sync import clock_changes

CLEAN_BATCH = 500
# PostgreSQL takes a millisecond for a value of an org with 500,000 items.
FORGETTING_SECONDS = 2.0
Cleaned = (
    type[GitLabWebhookDelivery]
    | type[LoginSession]
    | type[AnsweredRequest]
    | type[Event]
    | type[Invitation]
    | type[AccountLink]
)
# Expired invitations are listed for a while, to be sent again.
INVITATIONS_LISTED = timedelta(days=30)
DONE = (DeliveryStatus.PROCESSED, DeliveryStatus.IGNORED)

log = structlog.get_logger(__name__)


def sweep() -> None:
    """Trigger the jobs for what is due or unpublished; very cheap if there is nothing."""
    now = utcnow()
    with isolated("clock_changes"):
        _make_future_due(now)
    due: list[tuple[JobKind, uuid.UUID]] = []
    for kind, orgs_due in due_work.questions():
        with isolated(f"orgs_due_{kind.name.lower()}"):
            due += [(kind, org_id) for org_id in db.session.scalars(orgs_due(now))]
    with isolated("mails_due"):
        if link_mails.are_due(now):
            trigger_mails()
    db.session.rollback()
    for kind, org_id in dict.fromkeys(due):
        trigger(kind, org_id)


def _make_future_due(now: datetime) -> None:
    """After the clock was set back, make rows with a date in the future due, org by org.

    Redis uses the same clock: a flag that suppresses triggers for seconds would do so until
    the clock has caught up. So triggers are allowed again.
    """
    orgs = claims.make_future_due(now)
    db.session.commit()
    orgs |= waiting.make_future_due(now)
    db.session.commit()
    orgs |= long_waits.make_due(now)
    for org_id in db.session.scalars(clock_changes.orgs_with_future_dates(now)).all():
        with isolated("clock_changes", org_id):
            while clock_changes.make_items_due(org_id, now):
                db.session.commit()
            clock_changes.make_connection_due(org_id, now)
            db.session.commit()
        orgs.add(org_id)
    for org_id in orgs:
        log.warning("clock.set_back", org_id=str(org_id))
        for kind in JobKind:
            allow_triggers(kind, org_id)


def clean() -> None:
    """Delete old bodies, old deliveries, old events, expired login sessions, stored answers,
    invitations and links, and values that no item has now, batch by batch; then have SQLite
    count what is left.

    Deliveries that are not done, and failed ones until they are deleted, keep their bodies:
    processing and replay need them.
    """
    delivery, kept = GitLabWebhookDelivery, settings()
    without_body = update(delivery).values(payload=None)
    has_body = delivery.payload.is_not(None)
    _change(delivery, without_body, _done_before(kept.webhook_bodies_kept, *DONE), has_body)
    for seconds, statuses in (
        (kept.deliveries_kept, DONE),
        (kept.failed_deliveries_kept, (DeliveryStatus.FAILED,)),
    ):
        _change(delivery, delete(delivery), _done_before(seconds, *statuses))
    old_event = Event.id < first_id_at(utcnow() - timedelta(seconds=kept.events_kept))
    _change(Event, delete(Event), old_event)
    for ended in (LoginSession, AnsweredRequest, AccountLink):
        _change(ended, delete(ended), ended.expires_at < utcnow())
    backfills.forget_old_backfills(utcnow())
    pending.forget_old_pending(utcnow())
    db.session.commit()
    long_ago = Invitation.expires_at < utcnow() - INVITATIONS_LISTED
    _change(Invitation, delete(Invitation), long_ago)
    with isolated("clean item_facts"):
        _forget_values()
    renew_statistics(db.session.connection())
    db.session.commit()


def _forget_values() -> None:
    """Batch by batch, once round, for ``FORGETTING_SECONDS``: what is left is a later hour's."""
    start = forgetting.place_to_begin()
    ends_at = time.monotonic() + FORGETTING_SECONDS
    for first, until in ((start, forgetting.END), (forgetting.BEGINNING, start)):
        after: uuid.UUID | None = first
        while after is not None and time.monotonic() < ends_at:
            after = forgetting.forget_values(after, until)
            db.session.commit()


def _done_before(seconds: int, *statuses: DeliveryStatus) -> ColumnElement[bool]:
    delivery = GitLabWebhookDelivery
    return and_(
        delivery.received_at < utcnow() - timedelta(seconds=seconds), delivery.status.in_(statuses)
    )


def _change(model: Cleaned, change: Update | Delete, *conditions: ColumnElement[bool]) -> None:
    """Apply ``change`` to the rows that meet the conditions; commits each batch.

    Walks along the primary key once. A batch that fails is logged and skipped.
    """
    last: uuid.UUID | None = None
    while True:
        beyond = () if last is None else (model.id > last,)
        found = db.session.scalars(
            select(model.id).where(*conditions, *beyond).order_by(model.id).limit(CLEAN_BATCH)
        ).all()
        if found:
            with isolated(f"clean {model.__tablename__}"):
                db.session.execute(change.where(model.id.in_(found)))
        db.session.commit()
        if len(found) < CLEAN_BATCH:
            return
        last = found[-1]
