"""What is wrong with connections, and since when."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from gitlab_links.clock import utcnow
from gitlab_links.storage.database import Base, Identified, partial_index


class HealthProblem(Identified, Base):
    """One finding, stored: open until ``closed_at``.

    ``subject`` is a project path or empty. ``notice_due_at`` is when to record that
    it is over; null while it is open, and once that was recorded. ``notified_at`` and
    ``notice_attempts`` are read by the version before alone.
    """

    __tablename__ = "health_problems"
    __table_args__ = (
        partial_index(
            "uq_health_problems_open",
            "org_id",
            "code",
            "subject",
            unique=True,
            where="closed_at IS NULL",
        ),
        partial_index(
            "ix_health_problems_notice_due", "notice_due_at", where="notice_due_at IS NOT NULL"
        ),
    )

    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("orgs.id", ondelete="CASCADE"))
    code: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(1000), default="")
    severity: Mapped[str] = mapped_column(String(10))
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    opened_at: Mapped[datetime] = mapped_column(default=utcnow)
    closed_at: Mapped[datetime | None]
    notified_at: Mapped[datetime | None] = mapped_column("told_at")
    notice_due_at: Mapped[datetime | None]
    notice_attempts: Mapped[int] = mapped_column(default=0)
