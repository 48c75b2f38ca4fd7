"""Operations."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from gitlab_links.clock import utcnow
from gitlab_links.storage.database import Base, Identified


class OperationKind(StrEnum):
    """What to do; ``renew_token`` is an automatic rotation by the service.

    ``make_hook`` is for a picked project. ``set_tracker`` makes keys clickable in a project;
    ``remove_hook`` is for one that is no longer watched.
    """

    MAKE_HOOK = "make_hook"
    REPAIR_HOOK = "repair_hook"
    DELETE_ORG = "delete_org"
    DELETE_ORG_AND_HOOKS = "delete_org_and_hooks"
    ROTATE_TOKEN = "rotate_token"
    RENEW_TOKEN = "renew_token"
    SET_TRACKER = "set_tracker"
    REMOVE_HOOK = "remove_hook"


class OperationStatus(StrEnum):
    """The status of an operation; ``done`` and ``failed`` are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Operation(Identified, Base):
    """Work of a worker in an org's GitLab, with its steps and its result.

    ``subject`` is for people, as a project's path; ``steps`` are the steps begun, in order. If
    the worker dies, the operation counts as failed after ``leased_until``.
    """

    __tablename__ = "operations"
    __table_args__ = (Index(None, "org_id", "id"), Index(None, "status", "leased_until"))

    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("orgs.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(20))
    target_id: Mapped[uuid.UUID | None]
    subject: Mapped[str] = mapped_column(String(1000), default="")
    status: Mapped[str] = mapped_column(String(10), default=OperationStatus.QUEUED.value)
    steps: Mapped[list[dict[str, str]]] = mapped_column(JSON, default=list)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    error_code: Mapped[str | None] = mapped_column(String(60))
    error_detail: Mapped[str | None] = mapped_column(Text)
    requested_by: Mapped[uuid.UUID | None] = mapped_column(
        Uuid, ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    api_key_id: Mapped[uuid.UUID | None]
    leased_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
