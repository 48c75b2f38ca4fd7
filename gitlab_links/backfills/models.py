"""Tables of looking back for mentions."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from gitlab_links.clock import utcnow
from gitlab_links.storage.database import Base, Identified, partial_index


class BackfillStage(StrEnum):
    """What a backfill does: look for mentions, wait for a decision, link, or nothing any more.

    ``stopped`` by a person, who may resume it; ``failed`` for good.
    """

    LOOKING = "looking"
    FOUND = "found"
    LINKING = "linking"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


class Backfill(Identified, Base):
    """One look back over the projects of an org.

    ``left`` are the lists that are still to read, each as project row, type, words and page; all
    state is here, so that any worker goes on where another stopped. ``due_at`` is when a worker
    may take it: while one works, the end of its lease. ``is_linking``: the look is over, and what
    mentions a task is linked. ``stopped`` keeps ``left``. ``error_code`` is of the last call.
    """

    __tablename__ = "mention_backfills"
    __table_args__ = (
        Index(None, "org_id", "id"),
        partial_index("ix_mention_backfills_due", "org_id", "due_at", where="due_at IS NOT NULL"),
    )

    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("orgs.id", ondelete="CASCADE"))
    stage: Mapped[str] = mapped_column(String(10), default=BackfillStage.LOOKING.value)
    is_linking: Mapped[bool] = mapped_column(default=False)
    requested_by: Mapped[uuid.UUID | None] = mapped_column(
        Uuid, ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    left: Mapped[list[list[Any]]] = mapped_column(JSON, default=list)
    lists: Mapped[int] = mapped_column(default=0)
    calls: Mapped[int] = mapped_column(default=0)
    skipped: Mapped[int] = mapped_column(default=0)
    links_made: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_detail: Mapped[str | None] = mapped_column(Text)
    due_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    finished_at: Mapped[datetime | None]


class BackfillItem(Identified, Base):
    """An item that would be linked: it mentions the tasks with these ids, which do not link it."""

    __tablename__ = "mention_backfill_items"
    __table_args__ = (UniqueConstraint("backfill_id", "project_id", "type", "iid"),)

    backfill_id: Mapped[uuid.UUID] = mapped_column(
        Uuid, ForeignKey("mention_backfills.id", ondelete="CASCADE")
    )
    project_id: Mapped[uuid.UUID] = mapped_column(
        Uuid, ForeignKey("gitlab_projects.id", ondelete="CASCADE"), index=True
    )
    type: Mapped[str] = mapped_column(String(20))
    iid: Mapped[int] = mapped_column(BigInteger)
    title: Mapped[str | None] = mapped_column(Text)
    confidential: Mapped[bool] = mapped_column(default=False)
    tasks: Mapped[list[str]] = mapped_column(JSON)
