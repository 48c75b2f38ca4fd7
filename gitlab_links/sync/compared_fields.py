"""The fields of an item that GitLab's events have, as JSON to compare, store and show."""

from collections.abc import Mapping
from typing import Any

from gitlab_links.links.models import GitLabItem

# Field names with the values before and after.
Changes = dict[str, list[Any]]


def compared_fields(item: GitLabItem) -> dict[str, Any]:
    """The fields by name, as JSON with sorted lists."""
    return {
        "title": item.title,
        "state": item.state,
        "draft": bool(item.draft),
        "confidential": bool(item.confidential),
        "milestone_id": item.milestone_id,
        "due_date": None if item.due_date is None else item.due_date.isoformat(),
        "labels": _sorted(item.labels, "name"),
        "assignees": _sorted(item.assignees, "username"),
        "reviewers": _sorted(item.reviewers, "username"),
    }


def _sorted(parts: list[dict[str, Any]] | None, key: str) -> list[str]:
    return sorted([str(part.get(key)) for part in parts]) if parts else []


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> Changes:
    """The fields that differ, with both values."""
    return {name: [old, after[name]] for name, old in before.items() if after[name] != old}
