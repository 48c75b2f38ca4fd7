"""Approving merge requests, and the events of it."""

from typing import Any

from gitlab_links.demo.gitlab.items import Items
from gitlab_links.demo.gitlab.records import MergeRequest

NOT_APPROVED = "not_approved"


def approve(items: Items, mr: MergeRequest, *, by: str) -> None:
    """Somebody approves: ``approved`` if nobody else has to, else ``approval``. Whoever is no
    reviewer does not become one.
    """
    mr.approved_by = [name for name in mr.approved_by if name != by] + [by]
    enough = _is_enough(mr)
    merging = enough and mr.mergeability == NOT_APPROVED
    _review(items, mr, by, "approved" if enough else "approval", "mergeable" if merging else None)


def revoke(items: Items, mr: MergeRequest, *, by: str) -> None:
    """Somebody takes their approval back."""
    enough = _is_enough(mr)
    mr.approved_by = [name for name in mr.approved_by if name != by]
    blocked = not _is_enough(mr) and mr.mergeability == "mergeable"
    action = "unapproved" if enough else "unapproval"
    _review(items, mr, by, action, NOT_APPROVED if blocked else None)


def _is_enough(mr: MergeRequest) -> bool:
    return len(mr.approved_by) >= mr.approvals_required


def _review(items: Items, mr: MergeRequest, by: str, action: str, mergeability: str | None) -> None:
    state = "unapproved" if action.startswith("un") else "approved"
    fields: dict[str, Any] = {"reviews": {by: state}}
    if mergeability is not None:
        fields["mergeability"] = mergeability
    items.edit(mr, by=by, action=action, **fields)
