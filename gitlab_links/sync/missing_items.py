"""Fetch an item that is missing from a list in other ways before calling it gone.

A list leaves out some types of work items, a proxy may cut it short, and it may be empty for
reasons unrelated to the items.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitlab_links.gitlab.answers import GitLabFailure
from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.gitlab.items import ItemType
from gitlab_links.gitlab.snapshot import Snapshot
from gitlab_links.sync.blame import Kind, kind_of

if TYPE_CHECKING:
    from gitlab_links.gitlab.item_client import ItemClient
    from gitlab_links.sync.due_items import Batch, DueItem

# The single form costs one call per item. If more items are missing, this is a sample.
SINGLE_CALLS = 20


@dataclass(slots=True)
class Absences:
    """The result of the other calls: items that were found, and error codes by iid.

    An item in neither is still open and is fetched again. ``trouble`` is why GraphQL, which
    has every type, failed; ``lacks_types``: this GitLab cannot answer by GraphQL.
    """

    found: dict[int, Snapshot] = field(default_factory=dict)
    codes: dict[int, str] = field(default_factory=dict)
    trouble: str | None = None
    lacks_types: bool = False


def resolve_absences(
    client: "ItemClient",
    batch: "Batch",
    listed: Mapping[int, Snapshot],
    in_time: Callable[[], bool],
) -> Absences:
    """Fetch the items of the batch that are missing from its list.

    Raises GitLabFailure for a failure that stops all calls.
    """
    absent = [item for item in batch.items if item.iid not in listed]
    result = Absences()
    if not absent or not in_time():
        return result
    is_whole = batch.type is ItemType.ISSUE and _by_graphql(client, batch, absent, result)
    left = [item for item in absent if item.iid not in result.found]
    # A list of merge requests leaves out no type. A merge request that was not found before and
    # is missing again is gone. So is an issue, if GraphQL does not have it either.
    is_sure = is_whole or batch.type is ItemType.MERGE_REQUEST
    confirmed = [item for item in left if is_sure and item.is_gone]
    in_doubt = [item for item in left if item not in confirmed]
    tried = _one_by_one(client, batch, in_doubt, result, in_time)
    gone = [item for item in tried if result.codes.get(item.iid) == ErrorCode.NOT_FOUND]
    if is_whole and tried and len(gone) == len(tried):
        confirmed += in_doubt
    for item in confirmed:
        result.codes[item.iid] = ErrorCode.NOT_FOUND
    if result.trouble is not None:
        _doubt_absence(left, result, result.trouble)
    if not is_whole:
        _allow_for_types(left, result)
    return result


def _by_graphql(
    client: "ItemClient", batch: "Batch", absent: Sequence["DueItem"], result: Absences
) -> bool:
    """Fetch by GraphQL. Returns whether GitLab answered for all items."""
    if batch.path is None:
        return False
    try:
        items = client.fetch_work_items(batch.project, batch.path, [item.iid for item in absent])
    except GitLabFailure as failure:
        if not failure.is_trouble:
            raise
        result.trouble = failure.code
        return False
    result.found |= items or {}
    result.lacks_types = items is None
    return items is not None


def _one_by_one(
    client: "ItemClient",
    batch: "Batch",
    items: Sequence["DueItem"],
    result: Absences,
    in_time: Callable[[], bool],
) -> list["DueItem"]:
    """Fetch the single forms, within the limits of calls and time. Returns the items tried."""
    tried = []
    for item in items[:SINGLE_CALLS]:
        if not in_time():
            break
        tried.append(item)
        try:
            result.found[item.iid] = client.fetch_item(batch.project, batch.type, item.iid)
        except GitLabFailure as failure:
            if failure.stops_all_calls:
                raise
            if kind_of(failure) is not Kind.TROUBLE:
                result.codes[item.iid] = failure.code
    return tried


def _doubt_absence(items: Sequence["DueItem"], result: Absences, trouble: str) -> None:
    """Replace not_found by the failure: the single form leaves out types too."""
    for item in items:
        if not item.is_gone and result.codes.get(item.iid) == ErrorCode.NOT_FOUND:
            result.codes[item.iid] = trouble


def _allow_for_types(items: Sequence["DueItem"], result: Absences) -> None:
    """Replace not_found for items that the API has never returned: their type may be one that it
    leaves out. A webhook shows that such an item exists; without one nobody knows.
    """
    for item in items:
        if result.codes.get(item.iid) != ErrorCode.NOT_FOUND:
            continue
        if item.from_webhook_only:
            result.codes[item.iid] = ErrorCode.NOT_IN_API
        elif item.is_unseen and result.lacks_types:
            result.codes[item.iid] = ErrorCode.NOT_GIVEN
