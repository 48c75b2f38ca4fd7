"""Reading deliveries, newest first."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import undefer

from gitlab_links.errors import NotFound
from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemType
from gitlab_links.paging import Position, paged
from gitlab_links.webhooks.models import DeliveryStatus, GitLabWebhookDelivery


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """What to keep of a list of deliveries; None keeps all."""

    status: DeliveryStatus | None = None
    event: str | None = None
    object_kind: str | None = None
    project_path: str | None = None
    gitlab_type: ItemType | None = None
    gitlab_iid: int | None = None


def deliveries_page(
    org_id: uuid.UUID,
    wanted: DeliveryFilter,
    *,
    after: Position | None = None,
    limit: int | None = None,
) -> Sequence[GitLabWebhookDelivery]:
    """The org's deliveries from behind ``after``, without their bodies."""
    statement = select(GitLabWebhookDelivery).where(GitLabWebhookDelivery.org_id == org_id)
    for field in DeliveryFilter.__slots__:
        value = getattr(wanted, field)
        if value is not None:
            statement = statement.where(getattr(GitLabWebhookDelivery, field) == value)
    statement = paged(
        statement, GitLabWebhookDelivery.id, descending=True, after=after, limit=limit
    )
    return db.session.scalars(statement).all()


def find_delivery(org_id: uuid.UUID, delivery_id: uuid.UUID) -> GitLabWebhookDelivery:
    """One delivery with its body; raises :class:`NotFound`, also for another org's."""
    found = db.session.scalars(
        select(GitLabWebhookDelivery)
        .options(undefer(GitLabWebhookDelivery.payload))
        .where(GitLabWebhookDelivery.org_id == org_id, GitLabWebhookDelivery.id == delivery_id)
    ).one_or_none()
    if found is None:
        raise NotFound
    return found
