"""Process a delivery again."""

import uuid

from sqlalchemy import update

from gitlab_links.accounts.principal import Principal
from gitlab_links.audit.changes import Action, write_audit_event
from gitlab_links.clock import utcnow
from gitlab_links.deliveries.models import DeliveryStatus, GitLabWebhookDelivery
from gitlab_links.deliveries.queries import find_delivery
from gitlab_links.errors import Conflict
from gitlab_links.extensions import db
from gitlab_links.job_triggers import JobKind, trigger_after_commit

DONE = (DeliveryStatus.PROCESSED, DeliveryStatus.IGNORED, DeliveryStatus.FAILED)


class DeliveryPending(Conflict, code="delivery_pending"):
    """The delivery waits for a worker, or a worker is processing it."""


class PayloadGone(Conflict, code="payload_gone"):
    """The body has been deleted, so the delivery cannot be processed."""


def replay(principal: Principal, delivery_id: uuid.UUID) -> GitLabWebhookDelivery:
    """Make a finished delivery due again, with all of its attempts.

    A worker is triggered after the caller's commit. Raises :class:`NotFound`,
    :class:`DeliveryPending` and :class:`PayloadGone`.
    """
    delivery = find_delivery(principal.org_id, delivery_id)
    if delivery.payload is None:
        raise PayloadGone("The body of this delivery has been deleted.")
    before = delivery.status
    taken = db.session.scalar(
        update(GitLabWebhookDelivery)
        .where(GitLabWebhookDelivery.id == delivery_id, GitLabWebhookDelivery.status.in_(DONE))
        .values(
            status=DeliveryStatus.RECEIVED,
            due_at=utcnow(),
            attempts=0,
            error_code=None,
            processed_at=None,
            links_matched=0,
            effect=None,
            doubt=None,
            changes=None,
        )
        .returning(GitLabWebhookDelivery.id)
    )
    if taken is None:
        raise DeliveryPending(
            "This delivery is not done yet. Replay it once it has been processed."
        )
    write_audit_event(
        principal.org_id,
        principal.actor,
        Action.DELIVERY_REPLAYED,
        delivery_id,
        {"status": str(before), "event": delivery.event},
    )
    trigger_after_commit(db.session, JobKind.DRAIN, principal.org_id)
    db.session.refresh(delivery)
    return delivery
