"""By which way a change came: told by an event, or found by looking only.

A change is one of what events tell: comments and mergeability move GitLab's time of an
item as well, and are no news. What a fetch finds is not called missed at once: its event
may be under way (``webhooks.reconciliation`` settles it).
"""

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


def note_heard(item: GitLabItem, before: Face, received_at: datetime) -> bool:
    """Note that an event about the item was processed; whether it told a change, late or not.

    ``before`` is the face from before the event was applied.
    """
    late = item.unheard_since is not None
    item.unheard_since = None
    item.heard_at = max(received_at, item.heard_at or received_at)
    return late or face(item) != before


def note_found(
    item: GitLabItem, before: Face, synced_before: datetime | None, started_at: datetime
) -> bool:
    """Note what a fetch has found; True if it was a change that an event had told of.

    ``synced_before`` is the item's ``last_synced_at`` from before the answer was applied:
    an event that came in since, and was not enough by itself, asked for this fetch.
    """
    if synced_before is None or face(item) == before:
        return False
    if item.heard_at is not None and item.heard_at > synced_before:
        return True
    item.unheard_since = item.unheard_since or started_at
    return False
