"""Webhook content that GitLab's API has not confirmed yet."""

from datetime import datetime, timedelta
from typing import Any

from gitlab_links.links.models import GitLabItem
from gitlab_links.sync.compared_fields import changes_between, compared_fields
from gitlab_links.sync.ordering import Known, contradicts, is_same_version

# Webhooks received within the same CONFIRM_EVERY seconds are confirmed together, CONFIRM_AFTER
# later: longer than any replica lags, and within a minute.
CONFIRM_EVERY = 30
CONFIRM_AFTER = timedelta(seconds=50)


def note_unconfirmed(
    item: GitLabItem, known: Known, before: dict[str, Any], received_at: datetime
) -> None:
    """Record that a webhook was applied; ``before`` are the compared fields before it."""
    if known.claim is None:
        item.unconfirmed_since = received_at
        item.unconfirmed_updated_at = item.source_updated_at
        item.unconfirmed_before = None
    changed = {
        name: old for name, (old, _) in changes_between(before, compared_fields(item)).items()
    }
    item.unconfirmed_before = {**changed, **(item.unconfirmed_before or {})} or None


def request_confirmation(item: GitLabItem, received_at: datetime) -> None:
    """Request a fetch within a minute, unless one is requested. One call covers many items."""
    if item.refresh_requested_at is None:
        start = received_at.replace(
            second=received_at.second // CONFIRM_EVERY * CONFIRM_EVERY, microsecond=0
        )
        item.refresh_requested_at = min(item.next_sync_at, start + CONFIRM_AFTER)
        item.next_sync_at = item.refresh_requested_at


def is_contradicted(
    item: GitLabItem,
    known: Known,
    cached: dict[str, Any],
    updated_at: datetime | None,
    started_at: datetime,
) -> bool:
    """Whether an answer contradicts webhooks: it is older, or the same version lacks the change."""
    if known.claim is None or item.moved_to_id is not None:
        # The answer may have the content of the issue at its new place; events do not.
        return False
    if contradicts(known, updated_at, started_at):
        return True
    if not is_same_version(known, updated_at):
        return False
    now, before = compared_fields(item), item.unconfirmed_before or {}
    return any(now[name] == old != cached[name] for name, old in before.items())


def restart_claim(item: GitLabItem) -> None:
    """The oldest webhook is confirmed; the newest one after it is not yet."""
    item.unconfirmed_since = item.webhook_applied_at
    item.unconfirmed_updated_at = item.source_updated_at
    item.unconfirmed_before = None


def end_claim(item: GitLabItem, now: datetime) -> None:
    """All webhooks are confirmed. A fetch requested only for that is no longer needed."""
    if item.unconfirmed_since is None:
        return
    item.unconfirmed_since = item.unconfirmed_updated_at = item.unconfirmed_before = None
    if item.refresh_requested_at is not None and item.refresh_requested_at > now:
        item.refresh_requested_at = None
