"""Tables about the hooks of projects, and about the events they sent."""

import uuid
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Date,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from gitlab_links.clock import utcnow
from gitlab_links.storage.database import Base, Identified


class GitLabProjectWatch(Identified, Base):
    """The state of a project's webhook, from received events and from GitLab.

    From events: ``last_event_at`` and ``last_event_via`` (``project`` or ``system``);
    ``last_missed_at`` is when a change without an event was found. From GitLab's list of hooks
    at ``checked_at``: ``state``, a :class:`~gitlab_links.observations.hook_states.HookState`, and
    the other columns. ``check_due_at`` is when to check again. A project that somebody chose
    (``picked_at``) is watched even without links.
    """

    __tablename__ = "gitlab_project_watches"
    __table_args__ = (Index(None, "org_id", "check_due_at"),)

    project_id: Mapped[uuid.UUID] = mapped_column(
        Uuid, ForeignKey("gitlab_projects.id", ondelete="CASCADE"), unique=True
    )
    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("orgs.id", ondelete="CASCADE"))

    last_event_at: Mapped[datetime | None]
    last_event_via: Mapped[str | None] = mapped_column(String(10))
    last_missed_at: Mapped[datetime | None]

    state: Mapped[str] = mapped_column(String(30), default="unknown")
    hook_id: Mapped[int | None] = mapped_column(BigInteger)
    disabled_until: Mapped[datetime | None]
    events_missing: Mapped[list[str]] = mapped_column(JSON, default=list)
    error_code: Mapped[str | None] = mapped_column(String(40))
    checked_at: Mapped[datetime | None]
    check_due_at: Mapped[datetime] = mapped_column(default=utcnow)

    picked_at: Mapped[datetime | None]


class GitLabHookSecret(Identified, Base):
    """The secret of one hook that this service created, as a keyed hash.

    ``ends_at`` is set when a new secret replaces it or its hook is gone: it stays valid until then.
    """

    __tablename__ = "gitlab_hook_secrets"
    __table_args__ = (UniqueConstraint("org_id", "secret_hash"),)

    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("orgs.id", ondelete="CASCADE"))
    # Disconnecting the org from its GitLab deletes all of its secrets.
    integration_id: Mapped[uuid.UUID] = mapped_column(
        Uuid, ForeignKey("org_gitlab_integrations.id", ondelete="CASCADE"), index=True
    )
    project_id: Mapped[uuid.UUID] = mapped_column(
        Uuid, ForeignKey("gitlab_projects.id", ondelete="CASCADE"), index=True
    )
    secret_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    ends_at: Mapped[datetime | None]


class TallyKind(StrEnum):
    """What is counted. For the last kind, ``subject`` is the id of a project row."""

    REFUSED = "refused"
    OTHER_INSTANCE = "other_instance"
    STORED_BYTES = "stored_bytes"
    CONTRADICTED = "contradicted"
    TURNED_AWAY = "turned_away"


class GitLabWebhookTally(Identified, Base):
    """How often something happened to an org's webhooks on a day (UTC).

    ``detail`` describes the last occurrence. There is one row per day however often it
    happens, because strangers can cause some of it.
    """

    __tablename__ = "gitlab_webhook_tallies"
    __table_args__ = (UniqueConstraint("org_id", "kind", "subject", "day"),)

    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("orgs.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(30))
    subject: Mapped[str] = mapped_column(String(40), default="")
    day: Mapped[date] = mapped_column(Date)
    count: Mapped[int] = mapped_column(BigInteger, default=0)
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class GitLabChangeCount(Identified, Base):
    """The changes of a project's linked items on a day (UTC), by webhook and by polling, and the
    calls to GitLab that were for this project alone.
    """

    __tablename__ = "gitlab_change_counts"
    __table_args__ = (
        UniqueConstraint("project_id", "day"),
        Index(None, "org_id", "day"),
    )

    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("orgs.id", ondelete="CASCADE"))
    project_id: Mapped[uuid.UUID] = mapped_column(
        Uuid, ForeignKey("gitlab_projects.id", ondelete="CASCADE")
    )
    day: Mapped[date] = mapped_column(Date)
    by_webhook: Mapped[int] = mapped_column(default=0)
    by_sweep: Mapped[int] = mapped_column(default=0)
    calls: Mapped[int] = mapped_column(default=0, server_default=text("0"))


class GitLabCallCount(Identified, Base):
    """The calls to an org's GitLab within an hour, for one purpose; ``kind`` is a
    :class:`~gitlab_links.observations.call_counts.CallKind`.
    """

    __tablename__ = "gitlab_call_counts"
    __table_args__ = (UniqueConstraint("org_id", "hour", "kind"), Index(None, "hour"))

    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("orgs.id", ondelete="CASCADE"))
    hour: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(20))
    calls: Mapped[int] = mapped_column(default=0)
