"""The log of an endpoint, and replay."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, delete, or_, select, update

from gitlab_links.accounts.principal import Principal
from gitlab_links.audit.changes import Action, write_audit_event
from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict, required
from gitlab_links.events.models import Event
from gitlab_links.extensions import db, settings
from gitlab_links.job_triggers import JobKind, trigger_after_commit
from gitlab_links.outgoing.endpoints import find_endpoint
from gitlab_links.outgoing.models import OutgoingDelivery, OutgoingEndpoint, OutgoingStatus
from gitlab_links.paging import Position, paged

FORGOTTEN_AT_ONCE = 5000
DONE = (OutgoingStatus.DELIVERED, OutgoingStatus.FAILED, OutgoingStatus.DROPPED)


class StillWaiting(Conflict, code="delivery_pending"):
    """It waits for an attempt, or is being sent."""


class EventDeleted(Conflict, code="event_deleted"):
    """The event is older than what is kept, so it cannot be sent again."""


def sent_page(
    org_id: uuid.UUID,
    endpoint_id: uuid.UUID,
    *,
    status: OutgoingStatus | None = None,
    after: Position | None = None,
    limit: int | None = None,
) -> Sequence[OutgoingDelivery]:
    """What was and is to be sent to an endpoint, newest first. Raises :class:`NotFound`."""
    find_endpoint(org_id, endpoint_id)
    statement = select(OutgoingDelivery).where(OutgoingDelivery.endpoint_id == endpoint_id)
    if status is not None:
        statement = statement.where(OutgoingDelivery.status == status.value)
    return db.session.scalars(
        paged(statement, OutgoingDelivery.id, descending=True, after=after, limit=limit)
    ).all()


def find_sent(
    org_id: uuid.UUID, endpoint_id: uuid.UUID, delivery_id: uuid.UUID
) -> OutgoingDelivery:
    """One delivery; raises :class:`NotFound`."""
    one = OutgoingDelivery
    ours = (one.org_id == org_id, one.endpoint_id == endpoint_id, one.id == delivery_id)
    return required(db.session.scalars(select(one).where(*ours)).one_or_none())


def replay(
    principal: Principal, endpoint_id: uuid.UUID, delivery_id: uuid.UUID
) -> OutgoingDelivery:
    """Send a finished delivery once more, with the same id and the present secret.

    It is never counted as a failure of the endpoint. Raises :class:`NotFound`,
    :class:`StillWaiting` and :class:`EventDeleted`.
    """
    found = find_sent(principal.org_id, endpoint_id, delivery_id)
    if db.session.get(Event, found.event_id) is None:
        raise EventDeleted("This event has been deleted, so it cannot be sent again.")
    one = OutgoingDelivery
    taken = db.session.scalar(
        update(one)
        .where(one.id == delivery_id, one.status.in_(DONE))
        .values(status=OutgoingStatus.WAITING, due_at=utcnow(), is_replay=True)
        .returning(one.id)
    )
    if taken is None:
        raise StillWaiting(
            "This is not done yet. Send it again once it is; if its endpoint is off, turn that on."
        )
    detail = {"event": found.event_type, "endpoint_id": str(endpoint_id)}
    write_audit_event(
        principal.org_id, principal.actor, Action.ENDPOINT_REPLAYED, delivery_id, detail
    )
    trigger_after_commit(db.session, JobKind.SEND, principal.org_id)
    db.session.refresh(found)
    return found


def forget_old_deliveries(now: datetime) -> None:
    """Delete deliveries past their retention that are finished, or wait for an endpoint that is
    off; some thousand at a time.
    """
    one, kept = OutgoingDelivery, timedelta(seconds=settings().sent_events_kept)
    off = select(OutgoingEndpoint.id).where(~OutgoingEndpoint.enabled)
    waits_in_vain = and_(one.status == OutgoingStatus.WAITING, one.endpoint_id.in_(off))
    old = (
        select(one.id)
        .where(or_(one.due_at.is_(None), waits_in_vain), one.created_at < now - kept)
        .limit(FORGOTTEN_AT_ONCE)
    )
    db.session.execute(
        delete(one).where(one.id.in_(old)).execution_options(synchronize_session=False)
    )
