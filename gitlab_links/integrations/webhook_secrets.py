"""Webhook secrets: only keyed hashes are stored, during a rotation those of two secrets."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.security import digest, same_digest

ROTATION_WINDOW = timedelta(hours=24)


def hash_webhook_secret(org_id: uuid.UUID, secret: str) -> str:
    """The digest to store; it depends on the org."""
    return digest("webhook-secret", str(org_id), secret)


def webhook_secret_matches(org_id: uuid.UUID, integration: Any, secret: str, now: datetime) -> bool:
    """Whether ``X-Gitlab-Token`` is the org's secret, or the previous one during a rotation.

    ``integration`` has the webhook secret columns of :class:`OrgGitLabIntegration`, or is
    None. Takes the same time whatever is missing. An empty secret never matches.
    """
    given = hash_webhook_secret(org_id, secret)
    present = previous = None
    if integration is not None:
        present = integration.webhook_secret_hash
        until = integration.previous_webhook_secret_until
        if until is not None and now < until:
            previous = integration.previous_webhook_secret_hash
    matches = [same_digest(given, known or "") for known in (present, previous)]
    return bool(secret) and any(matches)


def replace_webhook_secret(
    integration: OrgGitLabIntegration, secret: str | None, now: datetime
) -> bool:
    """Set the secret, or clear it with None; returns whether that changed anything.

    The previous secret stays valid for ``ROTATION_WINDOW``, so that no event is lost while
    GitLab's webhook is changed. Clearing ends both at once.
    """
    new = None if secret is None else hash_webhook_secret(integration.org_id, secret)
    if new == integration.webhook_secret_hash:
        return False
    before = integration.webhook_secret_hash if new is not None else None
    integration.previous_webhook_secret_hash = before
    integration.previous_webhook_secret_until = None if before is None else now + ROTATION_WINDOW
    integration.webhook_secret_hash = new
    integration.webhook_secret_set_at = None if new is None else now
    return True
