"""Limit the size of webhook bodies that an org stores per day, and count it in few writes.

Over the quota, a delivery is stored without its body, and its item is fetched. No event is lost,
and the org's health page shows it.
"""

import threading
import uuid
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy import ColumnElement, bindparam, exists
from sqlalchemy.exc import SQLAlchemyError

from gitlab_links.extensions import built_once, db, settings, this_app
from gitlab_links.observations.models import GitLabWebhookTally, TallyKind
from gitlab_links.observations.webhook_tallies import Tally, add_tallies

# A process keeps at most this much of an org uncounted, and at most this part of the quota.
MOST_UNWRITTEN = 1024 * 1024
PART_UNWRITTEN = 64
_EXTENSION = "webhook_quota"
_tallies = GitLabWebhookTally.__table__.c

log = structlog.get_logger(__name__)

# One probe of a unique index, within the statement that stores the delivery.
OVER_QUOTA: ColumnElement[bool] = exists().where(
    _tallies.org_id == bindparam("org_id"),
    _tallies.kind == TallyKind.STORED_BYTES.value,
    _tallies.subject == "",
    _tallies.day == bindparam("day"),
    _tallies.count >= bindparam("quota"),
)


def quota_parameters(now: datetime) -> dict[str, object]:
    """The parameters of ``OVER_QUOTA``, besides the org."""
    return {"day": now.date(), "quota": settings().webhook_body_quota}


def count_stored(org_id: uuid.UUID, size: int, now: datetime) -> None:
    """Count a stored body; never raises. Call it after the delivery's commit."""
    counter = built_once(this_app(), _EXTENSION, _Counter)
    unwritten = counter.add(
        org_id, size, min(MOST_UNWRITTEN, settings().webhook_body_quota // PART_UNWRITTEN)
    )
    if unwritten == 0:
        return
    try:
        with db.engine.begin() as connection:
            add_tallies(connection, org_id, [Tally(TallyKind.STORED_BYTES, unwritten, now, now)])
    except SQLAlchemyError as error:
        log.warning("webhook.bytes_not_counted", org_id=str(org_id), error=repr(error))


@dataclass(slots=True)
class _Counter:
    """The uncounted bytes of a process, by org."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _sizes: dict[uuid.UUID, int] = field(default_factory=dict)

    def add(self, org_id: uuid.UUID, size: int, most: int) -> int:
        """The bytes to write now; 0 while there are only few."""
        with self._lock:
            total = self._sizes.get(org_id, 0) + size
            self._sizes[org_id] = 0 if total >= most else total
            return total if total >= most else 0
