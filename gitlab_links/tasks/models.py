"""Tasks."""

import uuid
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import Date, ForeignKey, Index, String, Text, UniqueConstraint, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from gitlab_links.clock import utcnow
from gitlab_links.storage.database import Base, Identified, partial_index


class TaskStatus(StrEnum):
    """The status of a task."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    DONE = "done"


TO_DO = tuple(status.value for status in TaskStatus if status is not TaskStatus.DONE)


class Task(Identified, Base):
    """A work item of an org, numbered within it.

    ``updated_at`` changes with its own fields, ``links_changed_at`` when a link is added or
    removed. ``status_rule`` is the rule that set the status; null if a person did.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        UniqueConstraint("org_id", "number"),
        # By id, also of those that a filter finds by their items, without reading the rows.
        Index("ix_tasks_listed", "org_id", "id", "number", "status"),
        # One for each order of the list, and for its most frequent filter.
        Index(None, "org_id", "status", "number"),
        Index(None, "org_id", "updated_at"),
        Index(None, "org_id", "links_changed_at"),
        # By the address that another program gave: the newest first, as the list.
        partial_index(
            "ix_tasks_by_external_url",
            "org_id",
            "external_url",
            "id",
            where="external_url IS NOT NULL",
        ),
        # SQLite: a migration that makes the table anew has to make the next two as well.
        Index("ix_tasks_by_title", "org_id", text("lower(title)"), "number"),
        Index("ix_tasks_by_due_date", "org_id", text("(due_date IS NULL)"), "due_date", "number"),
    )

    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("orgs.id", ondelete="CASCADE"))
    number: Mapped[int]
    title: Mapped[str] = mapped_column(String(255))
    description: Mapped[str] = mapped_column(Text, default="")
    status: Mapped[str] = mapped_column(String(20), default=TaskStatus.OPEN)
    external_url: Mapped[str | None] = mapped_column(String(500))
    assignee_id: Mapped[uuid.UUID | None] = mapped_column(
        Uuid, ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    due_date: Mapped[date | None] = mapped_column(Date)
    created_by: Mapped[uuid.UUID | None] = mapped_column(
        Uuid, ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow)
    links_changed_at: Mapped[datetime | None]
    status_rule: Mapped[str | None] = mapped_column(String(20))
