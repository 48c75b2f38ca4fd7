"""The table of events."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from gitlab_links.clock import utcnow
from gitlab_links.storage.database import Base, Identified, partial_index


class EventType(StrEnum):
    """The types of events, as programs see them."""

    TASK_CREATED = "task.created"
    TASK_EDITED = "task.edited"
    TASK_STATUS_CHANGED = "task.status_changed"
    TASK_PINNED = "task.pinned"
    TASK_UNPINNED = "task.unpinned"
    TASK_DELETED = "task.deleted"
    LINK_CREATED = "link.created"
    LINK_REMOVED = "link.removed"
    LINK_CHANGED = "link.changed"
    CONNECTION_HEALTH_CHANGED = "connection.health_changed"


class Event(Identified, Base):
    """One event: the timeline of a task, the feed and the outgoing events all read these rows.

    The only foreign key is that of the org: an event outlives its task, link, item and people,
    and says in ``task_reference``, ``reference`` and ``url`` what they were called.

    ``changes`` has the values before and after by the name of the field. ``cause`` says what led
    to the change and has a ``kind``; null if a person asked for the change itself. ``detail``
    has further facts. ``confidential``: the item was withheld from some roles, before or after
    the change; ``links.event_visibility`` decides who reads what of it.

    ``position`` is the place in the org's feed; null until :func:`publishing.publish`, which
    gives positions in an order that no later commit can change. ``id`` alone is no such order: a
    transaction may commit after another one that began later.
    """

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_task_id_id", "task_id", "id"),
        partial_index(
            "uq_events_org_id_position",
            "org_id",
            "position",
            unique=True,
            where="position IS NOT NULL",
        ),
        partial_index("ix_events_unpublished", "org_id", "id", where="position IS NULL"),
    )

    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("orgs.id", ondelete="CASCADE"))
    position: Mapped[int | None] = mapped_column(BigInteger)
    type: Mapped[str] = mapped_column(String(40))
    task_id: Mapped[uuid.UUID | None]
    task_reference: Mapped[str | None] = mapped_column(String(40))
    link_id: Mapped[uuid.UUID | None]
    item_id: Mapped[uuid.UUID | None]
    project_id: Mapped[uuid.UUID | None]
    item_type: Mapped[str | None] = mapped_column(String(20))
    reference: Mapped[str | None] = mapped_column(String(1100))
    url: Mapped[str | None] = mapped_column(Text)
    confidential: Mapped[bool] = mapped_column(default=False)
    actor_kind: Mapped[str] = mapped_column(String(10))
    actor_user_id: Mapped[uuid.UUID | None]
    actor_api_key_id: Mapped[uuid.UUID | None]
    cause: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    changes: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    detail: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class EventStream(Base):
    """The last position given to an event of an org. Its lock orders those who give positions."""

    __tablename__ = "event_streams"

    org_id: Mapped[uuid.UUID] = mapped_column(
        Uuid, ForeignKey("orgs.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(BigInteger, default=0)
