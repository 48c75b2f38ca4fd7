"""The fields of an item that GitLab's events have, as JSON to compare, store and show."""

from collections.abc import Callable, Mapping
from typing import Any

from gitlab_links.links.models import GitLabItem

# Field names with the values before and after.
Changes = dict[str, list[Any]]


_COMPARED = (
    "title",
    "state",
    "draft",
    "confidential",
    "milestone_id",
    "due_date",
    "labels",
    "assignees",
    "reviewers",
)


def compared_fields(item: GitLabItem) -> dict[str, Any]:
    """The fields by name, as JSON with sorted lists."""
    return {name: as_json(name, getattr(item, name)) for name in _COMPARED}


def as_json(name: str, value: Any) -> Any:
    """The value of an item's column of this name."""
    reader = _READERS.get(name)
    return value if reader is None else reader(value)


def _sorted(parts: list[dict[str, Any]] | None, key: str) -> list[str]:
    return sorted([str(part.get(key)) for part in parts]) if parts else []


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "draft": bool,
    "confidential": bool,
    "due_date": lambda value: None if value is None else value.isoformat(),
    "labels": lambda value: _sorted(value, "name"),
    "assignees": lambda value: _sorted(value, "username"),
    "reviewers": lambda value: _sorted(value, "username"),
}


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> Changes:
    """The fields that differ, with both values."""
    return {name: [old, after[name]] for name, old in before.items() if after[name] != old}
