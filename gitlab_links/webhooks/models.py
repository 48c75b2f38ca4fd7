"""Webhook deliveries as stored."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from gitlab_links.clock import utcnow
from gitlab_links.db import Base, Identified


class DeliveryStatus(StrEnum):
    """``received -> processing -> processed | ignored | failed``; a replay goes back."""

    RECEIVED = "received"
    PROCESSING = "processing"
    PROCESSED = "processed"
    IGNORED = "ignored"
    FAILED = "failed"


class GitLabWebhookDelivery(Identified, Base):
    """One authenticated webhook request, kept for processing and for people to look at.

    ``due_at`` is when a worker may take it: the next attempt while it waits, the end of
    the lease while one works on it, null once it is done. ``payload`` is the raw body and
    goes after some days, the rest of the row later.
    """

    __tablename__ = "gitlab_webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("org_id", "dedupe_key"),
        Index(None, "org_id", "id"),
        Index(
            "ix_gitlab_webhook_deliveries_due",
            "org_id",
            "due_at",
            postgresql_where=text("due_at IS NOT NULL"),
            sqlite_where=text("due_at IS NOT NULL"),
        ),
    )

    org_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("orgs.id", ondelete="CASCADE"))
    dedupe_key: Mapped[str | None] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(12))
    due_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)

    event: Mapped[str | None] = mapped_column(String(100))
    object_kind: Mapped[str | None] = mapped_column(String(100))
    action: Mapped[str | None] = mapped_column(String(100))
    project_path: Mapped[str | None] = mapped_column(String(1000))
    gitlab_type: Mapped[str | None] = mapped_column(String(20))
    gitlab_iid: Mapped[int | None] = mapped_column(BigInteger)

    received_at: Mapped[datetime] = mapped_column(default=utcnow)
    processed_at: Mapped[datetime | None]
    error_code: Mapped[str | None] = mapped_column(String(40))
    links_matched: Mapped[int] = mapped_column(default=0)
    size_bytes: Mapped[int]
    payload_sha256: Mapped[str] = mapped_column(String(64))
    headers: Mapped[dict[str, Any]] = mapped_column(JSON)
    payload: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
