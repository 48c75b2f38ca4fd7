"""Fetch projects by their path, which some proxies decode, and which may pass to another."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from gitlab_links.gitlab.answers import Fetched, GitLabFailure
from gitlab_links.gitlab.error_codes import ErrorCode, stops_all_calls
from gitlab_links.gitlab.snapshot import Snapshot
from gitlab_links.sync.due_items import Batch

if TYPE_CHECKING:
    from gitlab_links.gitlab.item_client import ItemClient


def listed_by_path(
    client: "ItemClient",
    batch: Batch,
    fetch: Callable[["ItemClient", Batch], Fetched],
    in_time: Callable[[], bool],
) -> tuple[Batch, Mapping[int, Snapshot]]:
    """The list, and the batch that found it: by the project's path, or else by its id."""
    try:
        return batch, fetch(client, batch).items
    except GitLabFailure as failure:
        if failure.code != ErrorCode.NOT_FOUND or isinstance(batch.project, int) or not in_time():
            raise
        found = _elsewhere(client, batch.project)
        if found is None:
            raise
    by_id = replace(batch, project=found)
    return by_id, fetch(client, by_id).items


def _elsewhere(client: "ItemClient", path: str) -> int | None:
    try:
        return client.project_elsewhere(path)
    except GitLabFailure as failure:
        if stops_all_calls(failure.code):
            raise
        return None


def decodes_slashes(
    requested: Batch, answered: Batch, failure: GitLabFailure | None
) -> bool | None:
    """Whether a proxy decoded the requested path; None if no path was tried."""
    if isinstance(requested.project, int) or failure is not None:
        return None
    return isinstance(answered.project, int)


def id_of(client: "ItemClient", batch: Batch) -> int | None:
    """The id of a project without a found item; its webhooks are recognised by it."""
    if isinstance(batch.project, int):
        return batch.project
    try:
        return client.project_id(batch.project)
    except GitLabFailure:
        return None


def path_owner(client: "ItemClient", batch: Batch) -> int | None:
    """The id of another project that now has the batch's path, if any."""
    if batch.path is None or batch.project == batch.path:
        return None
    try:
        found = client.find_project(batch.path)
    except GitLabFailure:
        return None
    return None if found == batch.project else found


def has_other_path(batch: Batch, found: Mapping[int, Snapshot]) -> bool:
    """Whether a project that was requested by its id has another path than the cached one."""
    if batch.path is None or isinstance(batch.project, str):
        return False
    paths = {(one.project_path or batch.path).lower() for one in found.values()}
    return bool(paths - {batch.path.lower()})
