"""The table of webhook deliveries."""

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
    Uuid,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column

from gitlab_links.clock import utcnow
from gitlab_links.storage.database import Base, Identified, partial_index


class DeliveryStatus(StrEnum):
    """``received -> processing -> processed | ignored | failed``; a replay goes back."""

    RECEIVED = "received"
    PROCESSING = "processing"
    PROCESSED = "processed"
    IGNORED = "ignored"
    FAILED = "failed"


class Proof(StrEnum):
    """The proof that a delivery comes from the org's GitLab.

    ``hook``: the secret of one project's hook, which proves only events of that project.
    ``shared_secret`` and ``signature``: all other hooks share these, so the maintainers of all
    projects with such a hook may know them.
    """

    HOOK = "hook"
    SHARED_SECRET = "shared_secret"
    SIGNATURE = "signature"


def proof_of(hook_project_id: uuid.UUID | None, *, signed: bool) -> Proof:
    """The proof that a delivery with these values has."""
    if hook_project_id is not None:
        return Proof.HOOK
    return Proof.SIGNATURE if signed else Proof.SHARED_SECRET


class Doubt(StrEnum):
    """Why a delivery's body is not used, and the item is fetched instead.

    ``contradicted``: it was applied, and GitLab's API contradicted it later. ``distrusted``:
    it has the shared secret, which proved a contradicted event of this project before.
    ``other_instance``: a GitLab at another address sent it. ``other_project``: the secret
    belongs to another project's hook. ``unknown_project``: the project is known only by its
    path, and GitLab's API has not confirmed its id yet.
    """

    CONTRADICTED = "contradicted"
    DISTRUSTED = "distrusted"
    OTHER_INSTANCE = "other_instance"
    OTHER_PROJECT = "other_project"
    UNKNOWN_PROJECT = "unknown_project"


class Effect(StrEnum):
    """The effect of a delivery: its body was applied, its item is fetched, both, or neither.

    ``none``: the item is not linked. ``outdated``: newer content was already cached.
    """

    APPLIED = "applied"
    APPLIED_AND_FETCHED = "applied_and_fetched"
    FETCHED = "fetched"
    OUTDATED = "outdated"
    NONE = "none"


class GitLabWebhookDelivery(Identified, Base):
    """One authenticated webhook request, stored for processing and for display.

    ``due_at`` is when a worker may claim it: the next attempt while it waits, the end of the
    lease while a worker processes it, null once it is done. ``payload`` is the raw body; it is
    deleted after some days, the rest of the row later. ``hook_project_id`` is the project whose
    hook secret the request had. ``request_id`` is our id; ``event_uuid`` and ``webhook_uuid``
    are GitLab's. ``changes`` maps the fields that the body changed to the values before and
    after.
    """

    __tablename__ = "gitlab_webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("org_id", "dedupe_key"),
        Index(None, "org_id", "id"),
        partial_index(
            "ix_gitlab_webhook_deliveries_due", "org_id", "due_at", where="due_at IS NOT NULL"
        ),
    )

    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("orgs.id", ondelete="CASCADE"))
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
    hook_project_id: Mapped[uuid.UUID | None]
    signed: Mapped[bool] = mapped_column(default=False, server_default=false())
    request_id: Mapped[str | None] = mapped_column(String(64))
    event_uuid: Mapped[str | None] = mapped_column(String(100))
    webhook_uuid: Mapped[str | None] = mapped_column(String(100))

    item_id: Mapped[uuid.UUID | None]
    effect: Mapped[str | None] = mapped_column(String(30))
    doubt: Mapped[str | None] = mapped_column(String(30))
    changes: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    payload: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)

    @property
    def proof(self) -> Proof:
        """The proof of its origin."""
        return proof_of(self.hook_project_id, signed=self.signed)

    @property
    def webhook_id(self) -> str | None:
        """GitLab's id of the message, the same in every retry."""
        found = self.headers.get("webhook-id") or self.headers.get("Idempotency-Key")
        return None if found is None else str(found)
