"""Count the deliveries of the last 24 hours by hour, and those that failed."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import aliased

from gitlab_links.clock import utcnow
from gitlab_links.deliveries.models import DeliveryStatus, GitLabWebhookDelivery
from gitlab_links.extensions import db
from gitlab_links.storage.database import first_id_at

HOURS = 24
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class HourCount:
    """Deliveries received in the hour from ``start``: all of them, and those that failed."""

    start: datetime
    total: int
    failed: int


@dataclass(frozen=True, slots=True)
class DeliveryStats:
    """The last 24 hours, the oldest first, and the number of unfinished deliveries of any age."""

    hours: Sequence[HourCount]
    waiting: int

    @property
    def total(self) -> int:
        """All deliveries of these hours."""
        return sum(hour.total for hour in self.hours)

    @property
    def failed(self) -> int:
        """The failed deliveries of these hours."""
        return sum(hour.failed for hour in self.hours)

    @property
    def peak(self) -> int:
        """The busiest hour, at least 1 to divide by."""
        return max(1, *(hour.total for hour in self.hours))


def delivery_stats(org_id: uuid.UUID) -> DeliveryStats:
    """Count in one statement over two index ranges: by id, as ids are in the order of receipt, and
    what is due, as what is finished is due no more.
    """
    this_hour = utcnow().replace(minute=0, second=0, microsecond=0)
    starts = [this_hour - _HOUR * back for back in reversed(range(HOURS))]
    columns: list[Any] = []
    for start in starts:
        within = and_(
            GitLabWebhookDelivery.received_at >= start,
            GitLabWebhookDelivery.received_at < start + _HOUR,
        )
        failed = and_(within, GitLabWebhookDelivery.status == DeliveryStatus.FAILED.value)
        columns += [func.count().filter(within), func.count().filter(failed)]
    due = aliased(GitLabWebhookDelivery)
    waiting = select(func.count()).where(due.org_id == org_id, due.due_at.is_not(None))
    row = db.session.execute(
        select(waiting.scalar_subquery(), *columns)
        .select_from(GitLabWebhookDelivery)
        .where(
            GitLabWebhookDelivery.org_id == org_id,
            GitLabWebhookDelivery.id >= first_id_at(starts[0]),
        )
    ).one()
    counts = row[1:]
    return DeliveryStats(
        hours=[
            HourCount(start, counts[2 * at], counts[2 * at + 1]) for at, start in enumerate(starts)
        ],
        waiting=row[0],
    )
