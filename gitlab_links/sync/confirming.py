"""What webhooks have told and GitLab's API has not confirmed yet."""

from datetime import datetime, timedelta
from typing import Any

from gitlab_links.links.models import GitLabItem
from gitlab_links.sync.compared import changes_between, compared_fields
from gitlab_links.sync.ordering import Known, contradicts, is_same_version

# Webhooks are confirmed together: what came in within as many seconds, so long after their
# start. Later than any replica lags, and within a minute.
CONFIRM_EVERY = 30
CONFIRM_AFTER = timedelta(seconds=50)


def note_unconfirmed(
    item: GitLabItem, known: Known, before: dict[str, Any], received_at: datetime
) -> None:
    """Note that a webhook has been applied; ``before`` are the compared fields from before."""
    if known.claim is None:
        item.unconfirmed_since = received_at
        item.unconfirmed_updated_at = item.source_updated_at
        item.unconfirmed_before = None
    changed = {
        name: old for name, (old, _) in changes_between(before, compared_fields(item)).items()
    }
    item.unconfirmed_before = {**changed, **(item.unconfirmed_before or {})} or None


def have_confirmed(item: GitLabItem, received_at: datetime) -> None:
    """Ask for a fetch within a minute, unless one is asked for: one call for many items."""
    if item.refresh_requested_at is None:
        start = received_at.replace(
            second=received_at.second // CONFIRM_EVERY * CONFIRM_EVERY, microsecond=0
        )
        item.refresh_requested_at = min(item.next_sync_at, start + CONFIRM_AFTER)
        item.next_sync_at = item.refresh_requested_at


def is_contradicted(
    item: GitLabItem,
    known: Known,
    told: dict[str, Any],
    updated_at: datetime | None,
    started_at: datetime,
) -> bool:
    """By its time; or the same version is again as it was before webhooks said it had changed."""
    if known.claim is None or item.moved_to_id is not None:
        # Of one that was moved an answer may tell what it is elsewhere, which events do not.
        return False
    if contradicts(known, updated_at, started_at):
        return True
    if not is_same_version(known, updated_at):
        return False
    now, before = compared_fields(item), item.unconfirmed_before or {}
    return any(now[name] == old != told[name] for name, old in before.items())


def restart_claim(item: GitLabItem) -> None:
    """The oldest is confirmed; of those after it the newest is to be confirmed yet."""
    item.unconfirmed_since = item.webhook_applied_at
    item.unconfirmed_updated_at = item.source_updated_at
    item.unconfirmed_before = None


def end_claim(item: GitLabItem, now: datetime) -> None:
    """What was asked for only to confirm webhooks is answered as well."""
    if item.unconfirmed_since is None:
        return
    item.unconfirmed_since = item.unconfirmed_updated_at = item.unconfirmed_before = None
    if item.refresh_requested_at is not None and item.refresh_requested_at > now:
        item.refresh_requested_at = None
