"""By which way a change came: told by an event, or found by looking only.

A change is one of what events tell: comments and mergeability move GitLab's time of an
item as well, and are no news. What a fetch finds is not called missed at once: its event
may be under way (``webhooks.reconciliation`` settles it).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gitlab_links.links.models import GitLabItem

Face = tuple[Any, ...]


def face(item: GitLabItem) -> Face:
    """What of an item every event tells, in a form to compare."""
    return (
        item.title,
        item.state,
        item.draft,
        item.confidential,
        item.milestone_id,
        item.due_date,
        *(
            tuple(sorted(str(part.get(key)) for part in parts or ()))
            for parts, key in (
                (item.labels, "name"),
                (item.assignees, "username"),
                (item.reviewers, "username"),
            )
        ),
    )


def note_webhook(item: GitLabItem, before: Face, received_at: datetime) -> bool:
    """Note that an event about the item was processed; whether it told a change, late or not.

    ``before`` is the face from before the event was applied.
    """
    late = item.missed_since is not None
    item.missed_since = None
    item.last_webhook_at = max(received_at, item.last_webhook_at or received_at)
    return late or face(item) != before


@dataclass(frozen=True, slots=True)
class Before:
    """What was known of an item before the answer of a fetch was applied to it."""

    face: Face
    synced_at: datetime | None
    fetched_at: datetime | None
    requested_at: datetime | None

    @classmethod
    def of(cls, item: GitLabItem) -> "Before":
        """The item as it is now."""
        return cls(face(item), item.last_synced_at, item.fetched_at, item.refresh_requested_at)


def note_fetched(item: GitLabItem, before: Before, started_at: datetime) -> bool:
    """Note what a fetch has found; True if it was a change that an event had told of.

    A first fetch finds no change: until then there was nothing, or what the body of an event
    says. An event that came in since the last sync was not enough by itself, and asked for
    this fetch; one whose body was applied, and which asked all the same, left something open:
    what the fetch finds then may be that, and is not called missed.
    """
    if before.fetched_at is None or before.synced_at is None or face(item) == before.face:
        return False
    if item.last_webhook_at is not None and item.last_webhook_at > before.synced_at:
        return True
    if before.requested_at is None or item.last_webhook_at != before.synced_at:
        item.missed_since = item.missed_since or started_at
    return False
