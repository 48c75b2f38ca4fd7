"""Read deliveries, newest first."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import undefer

from gitlab_links.accounts.models import Org
from gitlab_links.deliveries.models import DeliveryStatus, GitLabWebhookDelivery
from gitlab_links.errors import required
from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemType
from gitlab_links.paging import Position, paged
from gitlab_links.storage.database import first_id_at


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """The filter of a list of deliveries; None accepts everything. ``any_id`` is an id of the
    delivery, its request, its event or its webhook.
    """

    status: DeliveryStatus | None = None
    event: str | None = None
    object_kind: str | None = None
    project_path: str | None = None
    gitlab_type: ItemType | None = None
    gitlab_iid: int | None = None
    request_id: str | None = None
    event_uuid: str | None = None
    any_id: str | None = None


def deliveries_page(
    org_id: uuid.UUID,
    wanted: DeliveryFilter,
    *,
    after: Position | None = None,
    limit: int | None = None,
) -> Sequence[GitLabWebhookDelivery]:
    """The org's deliveries after ``after``, without their bodies."""
    statement = select(GitLabWebhookDelivery).where(GitLabWebhookDelivery.org_id == org_id)
    if wanted.any_id is not None:
        statement = statement.where(_has_id(wanted.any_id))
    for field in DeliveryFilter.__slots__:
        value = getattr(wanted, field)
        if value is not None and field != "any_id":
            statement = statement.where(getattr(GitLabWebhookDelivery, field) == value)
    statement = paged(
        statement, GitLabWebhookDelivery.id, descending=True, after=after, limit=limit
    )
    return db.session.scalars(statement).all()


def _has_id(text: str) -> ColumnElement[bool]:
    delivery = GitLabWebhookDelivery
    ids = (delivery.request_id, delivery.event_uuid, delivery.webhook_uuid)
    theirs = [column == text for column in ids]
    try:
        own = uuid.UUID(text)
    except ValueError:
        return or_(*theirs)
    return or_(delivery.id == own, *theirs)


def find_delivery(org_id: uuid.UUID, delivery_id: uuid.UUID) -> GitLabWebhookDelivery:
    """One delivery with its body; raises :class:`NotFound`, also for another org's."""
    statement = (
        select(GitLabWebhookDelivery)
        .options(undefer(GitLabWebhookDelivery.payload))
        .where(GitLabWebhookDelivery.org_id == org_id, GitLabWebhookDelivery.id == delivery_id)
    )
    return required(db.session.scalars(statement).one_or_none())


@dataclass(frozen=True, slots=True)
class Received:
    """The receipt of an org's newest delivery, and the number that failed recently."""

    last_at: datetime | None
    failed: int


def received_by_org(
    org_ids: Collection[uuid.UUID], failed_since: datetime
) -> Mapping[uuid.UUID, Received]:
    """By org, in one statement with one index probe and one index range per org."""
    delivery = GitLabWebhookDelivery
    newest = (
        select(delivery.received_at)
        .where(delivery.org_id == Org.id)
        .order_by(delivery.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    failed = (
        select(func.count())
        .where(
            delivery.org_id == Org.id,
            delivery.id >= first_id_at(failed_since),
            delivery.received_at >= failed_since,
            delivery.status == DeliveryStatus.FAILED,
        )
        .scalar_subquery()
    )
    rows = db.session.execute(
        select(Org.id, newest.label("last_at"), failed.label("failed")).where(Org.id.in_(org_ids))
    )
    return {row.id: Received(row.last_at, row.failed) for row in rows}
