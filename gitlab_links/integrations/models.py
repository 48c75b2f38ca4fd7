"""An org's GitLab configuration and the state of the connection."""

import uuid
from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String, Text, Uuid, false
from sqlalchemy.orm import Mapped, mapped_column

from gitlab_links.clock import utcnow
from gitlab_links.storage.database import Base, Identified

VERSIONS_KEPT = 5


class OrgGitLabIntegration(Identified, Base):
    """One per org: settings, and the state of token and host, such as pauses and failures.

    Columns ending in ``_ciphertext`` are encrypted and bound to the org, the token to its
    address as well. Webhook secrets are stored only as keyed hashes. ``error_reason`` is
    GitLab's own reason for the error, as one line of text. ``health_status`` is the verdict
    that the metrics count: see ``health.verdicts``. ``changes_refused_at`` is when GitLab last
    did not say what changed in many projects, see ``deltas.probing``. ``items_due_since`` is set
    until every item is due that was there before a new address or token, see
    ``sync.reconnected_items``.
    """

    __tablename__ = "org_gitlab_integrations"

    org_id: Mapped[uuid.UUID] = mapped_column(
        Uuid, ForeignKey("orgs.id", ondelete="CASCADE"), unique=True
    )
    base_url: Mapped[str | None] = mapped_column(String(500))

    token_ciphertext: Mapped[str | None] = mapped_column(Text)
    token_set_at: Mapped[datetime | None]
    token_expires_at: Mapped[datetime | None]
    token_scopes: Mapped[list[str] | None] = mapped_column(JSON)

    token_username: Mapped[str | None] = mapped_column(String(255))
    token_checked_at: Mapped[datetime | None]
    token_check_due_at: Mapped[datetime | None] = mapped_column(index=True)
    token_auto_rotate: Mapped[bool] = mapped_column(default=False, server_default=false())

    webhook_secret_hash: Mapped[str | None] = mapped_column(String(64))
    webhook_secret_set_at: Mapped[datetime | None]
    previous_webhook_secret_hash: Mapped[str | None] = mapped_column(String(64))
    previous_webhook_secret_until: Mapped[datetime | None]
    signing_token_ciphertext: Mapped[str | None] = mapped_column(Text)

    error_code: Mapped[str | None] = mapped_column(String(40))
    error_reason: Mapped[str | None] = mapped_column(String(255))
    error_at: Mapped[datetime | None]
    paused_until: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    sync_leased_until: Mapped[datetime | None]
    last_synced_at: Mapped[datetime | None]
    slashes_decoded_at: Mapped[datetime | None]
    changes_refused_at: Mapped[datetime | None]
    items_due_since: Mapped[datetime | None]
    rate_limit: Mapped[int | None]
    rate_limit_remaining: Mapped[int | None]
    rate_limit_reset_at: Mapped[datetime | None]
    health_status: Mapped[str | None] = mapped_column(String(10))

    confidential_roles: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    notify_url_ciphertext: Mapped[str | None] = mapped_column(Text)
    notify_url_host: Mapped[str | None] = mapped_column(String(255))
    notify_failure: Mapped[str | None] = mapped_column(String(200))
    notify_failed_at: Mapped[datetime | None]

    gitlab_versions: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))

    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow)

    @property
    def has_webhook_secret(self) -> bool:
        """Whether the org has a webhook secret or a signing token."""
        return self.webhook_secret_hash is not None or self.signing_token_ciphertext is not None

    def clear_error(self) -> None:
        """Nothing is wrong with the connection any more, and GitLab may be called."""
        self.error_code = self.error_reason = self.error_at = self.paused_until = None
        self.failures = 0

    def note_error(self, code: str | None, reason: str | None, now: datetime) -> None:
        """Store what is wrong, and since when if it is another error than before."""
        self.error_reason = reason
        if self.error_code != code:
            self.error_code, self.error_at = code, now

    def note_version(self, base_url: str, version: str) -> None:
        """Save the version of the GitLab at an address, for the newest few addresses."""
        known = {**(self.gitlab_versions or {})}
        known.pop(base_url, None)
        newest = {**known, base_url: version}
        if newest != self.gitlab_versions:
            self.gitlab_versions = dict(list(newest.items())[-VERSIONS_KEPT:])
