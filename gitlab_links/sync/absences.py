"""An item that is missing from a list is asked for in other ways before it is called gone.

A list leaves out some types of work items, may be cut short by a proxy, and may be empty for
reasons that have nothing to do with the items.
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
    from gitlab_links.sync.plan import Batch, DueItem

# The single form costs a call an item: of more missing ones these are a sample.
SINGLE_CALLS = 20


@dataclass(slots=True)
class Absences:
    """What came of asking otherwise: items after all, and by iid why there is none.

    What is in neither has not been settled, and is asked for again. ``trouble`` is why the
    form that has every type gave no answer just now; ``lacks_types``: there is no such form.
    """

    found: dict[int, Snapshot] = field(default_factory=dict)
    codes: dict[int, str] = field(default_factory=dict)
    trouble: str | None = None
    lacks_types: bool = False


def settle_absences(
    client: "ItemClient",
    batch: "Batch",
    listed: Mapping[int, Snapshot],
    in_time: Callable[[], bool],
) -> Absences:
    """Ask for the items of the batch that its list has not given.

    Raises GitLabFailure for what stops every call.
    """
    absent = [item for item in batch.items if item.iid not in listed]
    result = Absences()
    if not absent or not in_time():
        return result
    is_whole = batch.type is ItemType.ISSUE and _by_graphql(client, batch, absent, result)
    left = [item for item in absent if item.iid not in result.found]
    # A list of merge requests leaves out no type, so that one that was not found before and
    # is missing again is not asked for again; nor an issue, if GraphQL says the same.
    is_sure = is_whole or batch.type is ItemType.MERGE_REQUEST
    believed = [item for item in left if is_sure and item.is_gone]
    in_doubt = [item for item in left if item not in believed]
    asked = _one_by_one(client, batch, in_doubt, result, in_time)
    gone = [item for item in asked if result.codes.get(item.iid) == ErrorCode.NOT_FOUND]
    if is_whole and asked and len(gone) == len(asked):
        believed += in_doubt
    for item in believed:
        result.codes[item.iid] = ErrorCode.NOT_FOUND
    if result.trouble is not None:
        _doubt_absence(left, result, result.trouble)
    if not is_whole:
        _allow_for_types(left, result)
    return result


def _by_graphql(
    client: "ItemClient", batch: "Batch", absent: Sequence["DueItem"], result: Absences
) -> bool:
    """Whether GitLab has answered for all of them."""
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
    """Ask for the single form of each, as far as calls and time go; gives those asked for."""
    asked = []
    for item in items[:SINGLE_CALLS]:
        if not in_time():
            break
        asked.append(item)
        try:
            result.found[item.iid] = client.fetch_item(batch.project, batch.type, item.iid)
        except GitLabFailure as failure:
            if failure.stops_all_calls:
                raise
            if kind_of(failure) is not Kind.TROUBLE:
                result.codes[item.iid] = failure.code
    return asked


def _doubt_absence(items: Sequence["DueItem"], result: Absences, trouble: str) -> None:
    """The single form leaves out types as well: what it does not have may be there."""
    for item in items:
        if not item.is_gone and result.codes.get(item.iid) == ErrorCode.NOT_FOUND:
            result.codes[item.iid] = trouble


def _allow_for_types(items: Sequence["DueItem"], result: Absences) -> None:
    """What the API has never given may be of a type that it leaves out: by what a webhook
    said it is, and else nobody can tell.
    """
    for item in items:
        if result.codes.get(item.iid) != ErrorCode.NOT_FOUND:
            continue
        if item.from_webhook_only:
            result.codes[item.iid] = ErrorCode.NOT_IN_API
        elif item.is_unseen and result.lacks_types:
            result.codes[item.iid] = ErrorCode.NOT_GIVEN
