"""The audit log."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from gitlab_links.clock import utcnow
from gitlab_links.storage.database import Base, Identified


class ActorKind(StrEnum):
    """Who makes a change: a person, the operator by a command, the service automatically, or a
    rule of the org.
    """

    PERSON = "person"
    OPERATOR = "operator"
    SERVICE = "service"
    RULE = "rule"


class AuditEvent(Identified, Base):
    """One change, by a user, perhaps with an API key; both are null for other kinds of actor.

    ``actor_kind`` is null in rows older than the column: see :attr:`kind`.
    """

    __tablename__ = "audit_events"
    __table_args__ = (
        Index(None, "org_id", "id"),
        # Who acted, and what one person did, newest first.
        Index(None, "org_id", "actor_user_id", "id"),
    )

    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("orgs.id", ondelete="CASCADE"))
    actor_user_id: Mapped[uuid.UUID | None] = mapped_column(
        Uuid, ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    actor_api_key_id: Mapped[uuid.UUID | None]
    actor_kind: Mapped[str | None] = mapped_column(String(10))
    action: Mapped[str] = mapped_column(String(60))
    target_type: Mapped[str | None] = mapped_column(String(40))
    target_id: Mapped[str | None] = mapped_column(String(64))
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)

    @property
    def kind(self) -> ActorKind:
        """The kind of actor; for older rows derived from the action."""
        if self.actor_kind is not None:
            return ActorKind(self.actor_kind)
        if self.actor_user_id is not None:
            return ActorKind.PERSON
        by_service = self.action.startswith("health.") or self.action == "integration.token_rotated"
        return ActorKind.SERVICE if by_service else ActorKind.OPERATOR
