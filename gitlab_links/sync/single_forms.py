"""Fetch the single form of merge requests, which has the pipeline, at one call each."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from gitlab_links.gitlab.answers import GitLabFailure
from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.gitlab.items import ItemType
from gitlab_links.gitlab.snapshot import UNKNOWN, Snapshot
from gitlab_links.sync.due_items import Batch, DueItem
from gitlab_links.sync.merge_request_details import detail_shows

if TYPE_CHECKING:
    from gitlab_links.gitlab.item_client import ItemClient

REFUSALS = frozenset({"http_403", ErrorCode.INSUFFICIENT_SCOPE, ErrorCode.NOT_FOUND})


def add_details(
    client: "ItemClient",
    batch: Batch,
    found: dict[int, Snapshot],
    in_time: Callable[[], bool],
) -> None:
    """Complete the listed items whose single form is needed, as long as there is time."""
    for item in _wanting_detail(batch, found):
        if in_time():
            found[item.iid] = _detailed(client, batch, found[item.iid])


def _wanting_detail(batch: Batch, found: Mapping[int, Snapshot]) -> list[DueItem]:
    """The items whose single form is needed: it has the pipeline, the list the label colours."""
    if batch.type is not ItemType.MERGE_REQUEST:
        return []
    return [
        item
        for item in batch.items
        if item.iid in found
        and (item.wants_detail or detail_shows(found[item.iid], item.head_sha, item.merge_status))
    ]


def _detailed(client: "ItemClient", batch: Batch, listed: Snapshot) -> Snapshot:
    try:
        single = client.fetch_item(batch.project, batch.type, listed.iid)
    except GitLabFailure as failure:
        if failure.stops_all_calls:
            raise
        # A refusal counts as an answer; after any other failure the detail is fetched again.
        return replace(listed, detailed=failure.code in REFUSALS)
    merge_status = single.merge_status
    return replace(
        listed,
        pipeline_status=single.pipeline_status,
        pipeline_path=single.pipeline_path,
        merge_status=listed.merge_status if merge_status is UNKNOWN else merge_status,
        detailed=True,
    )
