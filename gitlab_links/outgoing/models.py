"""Endpoints, and what was and is to be sent to them."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from gitlab_links.clock import utcnow
from gitlab_links.storage.database import Base, Identified, partial_index


class Format(StrEnum):
    """How events are sent: as Standard Webhooks with a signature, as messages of a chat, or, the
    health of the connection alone, by e-mail.
    """

    STANDARD = "standard"
    CHAT = "chat"
    EMAIL = "email"


class OutgoingStatus(StrEnum):
    """``failed`` after the last attempt; ``dropped`` if it may not be sent any more."""

    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"


class OutgoingEndpoint(Identified, Base):
    """An address that an org's events are sent to.

    ``url_host`` is what of the address is shown: the rest often contains a secret. An e-mail
    address is shown whole. ``types`` and
    ``projects`` (ids of project rows) filter; empty ones let everything through.
    ``highlights_only`` leaves only what people want to read in a chat.

    ``former_secret_ciphertext`` signs as well until ``former_secret_until``.

    ``failures`` are the attempts that failed in a row, since ``failing_since``; nothing is sent
    before ``paused_until``. ``leased_until``: a worker is sending. ``is_slow``: its last answer
    took long, so it gets fewer threads.
    """

    __tablename__ = "outgoing_endpoints"
    __table_args__ = (Index(None, "org_id", "id"),)

    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("orgs.id", ondelete="CASCADE"))
    description: Mapped[str] = mapped_column(String(200), default="")
    format: Mapped[str] = mapped_column(String(10))
    url_ciphertext: Mapped[str] = mapped_column(Text)
    url_host: Mapped[str] = mapped_column(String(300))
    types: Mapped[list[str]] = mapped_column(JSON, default=list)
    projects: Mapped[list[str]] = mapped_column(JSON, default=list)
    highlights_only: Mapped[bool] = mapped_column(default=False)
    secret_ciphertext: Mapped[str | None] = mapped_column(Text)
    former_secret_ciphertext: Mapped[str | None] = mapped_column(Text)
    former_secret_until: Mapped[datetime | None]
    enabled: Mapped[bool] = mapped_column(default=True)
    disabled_at: Mapped[datetime | None]
    disabled_reason: Mapped[str | None] = mapped_column(String(200))
    failures: Mapped[int] = mapped_column(default=0)
    failing_since: Mapped[datetime | None]
    paused_until: Mapped[datetime | None]
    leased_until: Mapped[datetime | None]
    is_slow: Mapped[bool] = mapped_column(default=False)
    last_success_at: Mapped[datetime | None]
    last_failure_at: Mapped[datetime | None]
    last_failure: Mapped[str | None] = mapped_column(String(200))
    last_served_at: Mapped[datetime | None]
    created_by: Mapped[uuid.UUID | None] = mapped_column(
        Uuid, ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow)


class OutgoingDelivery(Identified, Base):
    """One event for one endpoint: the outbox and the log are these rows.

    ``event_id`` and ``position`` are the event's. ``subject_id`` is its item, else its task: the
    events of a subject are sent in order. ``due_at`` is when the next attempt is due, if the
    endpoint is on by then, and while it is being sent, when the lease ends; null once it is done.
    ``history`` has the attempts.
    A replay is one attempt more, and never counts as a failure of the endpoint.
    """

    __tablename__ = "outgoing_deliveries"
    __table_args__ = (
        Index(
            "uq_outgoing_deliveries_endpoint_id_event_id", "endpoint_id", "event_id", unique=True
        ),
        Index(None, "endpoint_id", "id"),
        # In the order in which they are sent.
        partial_index(
            "ix_outgoing_deliveries_turn",
            "endpoint_id",
            "position",
            "due_at",
            where="due_at IS NOT NULL",
        ),
        Index(
            "ix_outgoing_deliveries_replays",
            "endpoint_id",
            postgresql_where=text("is_replay"),
            sqlite_where=text("is_replay = 1"),
        ),
        partial_index(
            "ix_outgoing_deliveries_subject",
            "endpoint_id",
            "subject_id",
            "position",
            where="due_at IS NOT NULL",
        ),
    )

    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("orgs.id", ondelete="CASCADE"))
    endpoint_id: Mapped[uuid.UUID] = mapped_column(
        Uuid, ForeignKey("outgoing_endpoints.id", ondelete="CASCADE")
    )
    event_id: Mapped[uuid.UUID]
    event_type: Mapped[str] = mapped_column(String(40))
    position: Mapped[int] = mapped_column(BigInteger)
    subject_id: Mapped[uuid.UUID | None]
    status: Mapped[str] = mapped_column(String(10), default=OutgoingStatus.WAITING)
    attempts: Mapped[int] = mapped_column(default=0)
    is_replay: Mapped[bool] = mapped_column(default=False)
    due_at: Mapped[datetime | None] = mapped_column(default=utcnow)
    last_attempt_at: Mapped[datetime | None]
    last_status: Mapped[int | None]
    last_error: Mapped[str | None] = mapped_column(String(200))
    last_answer: Mapped[str | None] = mapped_column(Text)
    history: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
