"""Which events people want to read in a chat unless they choose more."""

from collections.abc import Mapping
from typing import Any

from gitlab_links.audit.models import ActorKind
from gitlab_links.events.models import EventType


def is_highlight(kind: str, changes: Mapping[str, Any], actor_kind: str) -> bool:
    """Merged, failing, done by a rule, and the health of the connection."""
    after = {name: pair[1] for name, pair in changes.items()}
    match kind:
        case EventType.LINK_CHANGED:
            was_known = changes.get("state", [None])[0] is not None
            merged = after.get("state") == "merged" and was_known
            return merged or after.get("pipeline_status") == "failed"
        case EventType.TASK_STATUS_CHANGED:
            return after.get("status") == "done" and actor_kind == ActorKind.RULE
    return kind == EventType.CONNECTION_HEALTH_CHANGED
