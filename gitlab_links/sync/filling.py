"""Write the fields of a snapshot into a cached item. Whether they win is decided before."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from gitlab_links.gitlab.fields import DEFAULT_LABEL_COLOR, contrasting
from gitlab_links.gitlab.items import ItemState
from gitlab_links.gitlab.snapshot import Label, Person, Snapshot
from gitlab_links.links.models import GitLabItem
from gitlab_links.sync.ordering import clamp_to_now
from gitlab_links.sync.reviews import merged_reviews


def fill(item: GitLabItem, snapshot: Snapshot, now: datetime) -> None:
    """Write all that the snapshot knows."""
    for name, value in snapshot.known().items():
        if name == "updated_at":
            item.source_updated_at = clamp_to_now(value, now)
        elif name == "created_at":
            item.gitlab_created_at = item.gitlab_created_at or value
        elif name == "milestone_id":
            if value != item.milestone_id:
                item.milestone_id, item.milestone = value, None
        elif name == "milestone":
            item.milestone_id = value.id if value else None
            item.milestone = value.title if value else None
        elif name == "reviews":
            known = snapshot.updated_at
            at = min(known, now) if isinstance(known, datetime) else now
            set_changed(item, name, merged_reviews(item.reviews or [], value, at) or None)
        elif name == "labels":
            set_changed(item, name, _coloured(value, item.labels or []))
        else:
            set_changed(item, name, _plain(value))
    if snapshot.state is ItemState.OPENED:  # perhaps again
        item.closed_at = item.merged_at = None


def _coloured(labels: Sequence[Label], known: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The labels with their colours. A label without a colour gets its cached one, or else
    GitLab's default.
    """
    before = {label.get("name"): label for label in known}
    default = {"color": DEFAULT_LABEL_COLOR, "text_color": contrasting(DEFAULT_LABEL_COLOR)}
    return [
        _members(label) if label.color else default | before.get(label.name, {"name": label.name})
        for label in labels
    ]


def set_changed(item: GitLabItem, name: str, value: Any) -> None:
    """Set a changed value only: most scheduled fetches find no change, and write nothing."""
    if getattr(item, name) != value:
        setattr(item, name, value)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_members(part) for part in value]
    if isinstance(value, Label | Person):
        return _members(value)
    return value.value if isinstance(value, ItemState) else value


def _members(part: Label | Person) -> dict[str, Any]:
    return {name: getattr(part, name) for name in part.__slots__}
