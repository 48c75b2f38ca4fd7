"""Decide whether a change came by webhook or only by polling.

Only fields that events have count as changes. Comments and mergeability also update GitLab's
time of an item, but are not changes. A change found by polling does not count as missed at
once: its event may still arrive. ``health.missed_events`` counts it later.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gitlab_links.links.models import GitLabItem
from gitlab_links.sync.compared_fields import compared_fields


def note_webhook(item: GitLabItem, received_at: datetime, *, changed: bool) -> bool:
    """Record that an event of the item was processed. Returns whether it reported a change, also
    if late. ``changed``: it changed a compared field.
    """
    late = item.missed_since is not None
    item.missed_since = None
    item.last_webhook_at = max(received_at, item.last_webhook_at or received_at)
    return late or changed


@dataclass(frozen=True, slots=True)
class Before:
    """The state of an item before a fetch was applied."""

    fields: dict[str, Any]
    synced_at: datetime | None
    fetched_at: datetime | None
    requested_at: datetime | None

    @classmethod
    def of(cls, item: GitLabItem) -> "Before":
        """The current state of the item."""
        return cls(
            compared_fields(item), item.last_synced_at, item.fetched_at, item.refresh_requested_at
        )


def note_fetched(item: GitLabItem, before: Before, started_at: datetime) -> bool:
    """Record a change that a fetch found. Returns True if a webhook reported it.

    A first fetch finds no change: before it there was no content, or only that of a webhook.
    A webhook received since the last sync reported the change and requested this fetch. If a
    webhook was applied and still requested a fetch, the fetch fills a gap: the change does not
    count as missed.
    """
    if (
        before.fetched_at is None
        or before.synced_at is None
        or compared_fields(item) == before.fields
    ):
        return False
    if item.last_webhook_at is not None and item.last_webhook_at > before.synced_at:
        return True
    if before.requested_at is None or item.last_webhook_at != before.synced_at:
        item.missed_since = item.missed_since or started_at
    return False
