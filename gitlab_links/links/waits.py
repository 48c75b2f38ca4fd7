"""Whom an open merge request waits on, and why: the rule, of the fields of a cached item.

GitLab before 17 does not send how far a reviewer is. Whoever has approved or commented there
counts as having acted: it is better to leave somebody out than to remind them of what is done.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from gitlab_links.gitlab.items import ItemState, ItemType

# GitLab's merge status while an approval that it asks for is missing.
NOT_APPROVED = "not_approved"
_ACTED = frozenset({"reviewed", "requested_changes", "approved", "commented"})
_CHANGES = "requested_changes"
# Before 15.6 GitLab says only that nothing is in conflict.
_MERGEABLE, _NO_CONFLICT = "mergeable", "can_be_merged"
_HARMLESS = frozenset({None, "success", "skipped"})
_BETWEEN = "|"  # which no user name has


class WaitReason(StrEnum):
    """What somebody is waited on for."""

    REVIEW = "review"
    CHANGES = "changes_requested"
    FAILED = "pipeline_failed"
    READY = "ready_to_merge"


@dataclass(frozen=True, slots=True)
class Wait:
    """One account that a merge request waits on. ``since`` is the best time known, by GitLab's
    clock; None if none is known.
    """

    username: str
    reason: WaitReason
    since: datetime | None


class MergeRequestFacts(Protocol):
    """The fields of an item that the rule reads."""

    type: Any
    state: Any
    draft: Any
    assignees: Any
    reviewers: Any
    reviews: Any
    author: Any
    merge_status: Any
    pipeline_status: Any
    gitlab_created_at: Any
    source_updated_at: Any


def waits_of(item: MergeRequestFacts) -> list[Wait]:
    """The accounts that the item waits on, one reason for each; user names in lower case.

    The owners are the assignees and the author. A draft waits on them only, for changes that
    were asked for.
    """
    if item.type != ItemType.MERGE_REQUEST.value or item.state != ItemState.OPENED.value:
        return []
    reviews = {str(one["username"]).lower(): one for one in item.reviews or ()}
    reviewers = _usernames(item.reviewers)
    owners = list(dict.fromkeys([*_usernames(item.assignees), *_usernames([item.author])]))
    found: dict[str, Wait] = {}
    reason, since = _of_owners(item, [reviews[name] for name in reviewers if name in reviews])
    if reason is not None:
        found = {name: Wait(name, reason, since) for name in owners}
    if not item.draft:
        for name in reviewers:
            review = reviews.get(name)
            if name not in owners and not _has_acted(review):
                asked = item.gitlab_created_at if review is None else _since(review)
                found[name] = Wait(name, WaitReason.REVIEW, asked)
    return list(found.values())


def approvers(reviews: Sequence[dict[str, Any]] | None) -> list[str]:
    """The user names of whose approval GitLab has sent, if they were not asked again since."""
    approved = (one for one in reviews or () if one["state"] == "approved")
    return [one["username"] for one in approved if not one["re_requested"]]


def is_approved(item: MergeRequestFacts) -> bool:
    """Whether the item is an open merge request, and no draft, that somebody has approved, and
    that nobody else is to approve, review or change.
    """
    if item.type != ItemType.MERGE_REQUEST.value or item.state != ItemState.OPENED.value:
        return False
    if item.draft or item.merge_status == NOT_APPROVED or not approvers(item.reviews):
        return False
    open_ends = {WaitReason.REVIEW, WaitReason.CHANGES}
    return not any(wait.reason in open_ends for wait in waits_of(item))


def accounts_waited_on(item: MergeRequestFacts) -> str | None:
    """The user names to search in, as ``|ana|kim|``; None if it waits on nobody."""
    names = sorted(wait.username for wait in waits_of(item))
    return f"{_BETWEEN}{_BETWEEN.join(names)}{_BETWEEN}" if names else None


def _of_owners(
    item: MergeRequestFacts, reviews: Sequence[dict[str, Any]]
) -> tuple[WaitReason | None, datetime | None]:
    """What the owners are waited on for: what must be done first."""
    changes = [review for review in reviews if review["state"] == _CHANGES]
    if changes or item.merge_status == _CHANGES:
        times = [moment for moment in map(_since, changes) if moment is not None]
        return WaitReason.CHANGES, min(times, default=item.source_updated_at)
    if item.draft:
        return None, None
    if item.pipeline_status == "failed":
        return WaitReason.FAILED, item.source_updated_at
    ready = item.merge_status == _MERGEABLE or (
        item.merge_status == _NO_CONFLICT and item.pipeline_status in _HARMLESS
    )
    return (WaitReason.READY, item.source_updated_at) if ready else (None, None)


def _has_acted(review: dict[str, Any] | None) -> bool:
    return review is not None and review["state"] in _ACTED and not review["re_requested"]


def _since(review: dict[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(review["since"])
    except (KeyError, TypeError, ValueError):
        return None


def _usernames(people: Sequence[dict[str, Any] | None] | None) -> list[str]:
    return list(_lowered(people or ()))


def _lowered(people: Sequence[dict[str, Any] | None]) -> Iterator[str]:
    for person in people:
        if person is not None and _BETWEEN not in str(person.get("username", "|")):
            yield str(person["username"]).lower()
