"""How far the changes of a project are known."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, Uuid, false
from sqlalchemy.orm import Mapped, mapped_column

from gitlab_links.clock import utcnow
from gitlab_links.storage.database import Base, Identified


class DeltaKind(StrEnum):
    """What is read of a project: changes of its issues, merge requests and pipelines, by their
    time; and the statuses of its open merge requests, which their time does not move with.
    """

    ISSUE = "issue"
    MERGE_REQUEST = "merge_request"
    PIPELINE = "pipeline"
    STATUS = "status"


BY_TIME = (DeltaKind.ISSUE, DeltaKind.MERGE_REQUEST, DeltaKind.PIPELINE)


class GitLabDeltaMark(Identified, Base):
    """How far one kind of a project's changes was read; ``kind`` is a :class:`DeltaKind`.

    By GitLab's clock: everything that changed before ``seen_until`` is stored. If the reading
    was cut short, it goes on at ``reached``. By our clock: what had not changed by the last
    complete reading was current at ``proven_at``; the next one begins at ``due_at``. Each reading
    since ``proven_since`` went on where the one before had ended.
    ``list_wanted``: GitLab has something new, which is read from the project's own list.
    ``calls`` and ``changes`` are what the last complete reading took and found; until it is
    complete, those of its parts add up in ``calls_so_far`` and ``changes_so_far``.
    """

    __tablename__ = "gitlab_delta_marks"
    __table_args__ = (
        UniqueConstraint("project_id", "kind"),
        Index(None, "org_id", "due_at"),
    )

    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("orgs.id", ondelete="CASCADE"))
    project_id: Mapped[uuid.UUID] = mapped_column(
        Uuid, ForeignKey("gitlab_projects.id", ondelete="CASCADE")
    )
    kind: Mapped[str] = mapped_column(String(20))
    seen_until: Mapped[datetime | None]
    reached: Mapped[datetime | None]
    proven_at: Mapped[datetime | None]
    proven_since: Mapped[datetime | None]
    due_at: Mapped[datetime] = mapped_column(default=utcnow)
    list_wanted: Mapped[bool] = mapped_column(default=False, server_default=false())
    failures: Mapped[int] = mapped_column(default=0)
    error_code: Mapped[str | None] = mapped_column(String(40))
    calls: Mapped[int] = mapped_column(default=0)
    changes: Mapped[int] = mapped_column(default=0)
    calls_so_far: Mapped[int] = mapped_column(default=0)
    changes_so_far: Mapped[int] = mapped_column(default=0)
