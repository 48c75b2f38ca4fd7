"""List what changed since a moment. Import it where it is used, like ``gitlab.client``, which
is slow to import.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import requests

from gitlab_links.clock import utcnow
from gitlab_links.gitlab.answer_headers import read_date
from gitlab_links.gitlab.api_snapshot import snapshot_from_api
from gitlab_links.gitlab.client import EXTRAS, MAX_BATCH, path_of_group, path_of_project
from gitlab_links.gitlab.fields import Object, read_id, read_object, read_sha, read_word
from gitlab_links.gitlab.guarded_session import ResponseTooLargeError
from gitlab_links.gitlab.item_client import ItemClient
from gitlab_links.gitlab.items import ItemType
from gitlab_links.gitlab.list_answers import has_next_page, of_project
from gitlab_links.gitlab.project_changes import (
    CHANGES,
    ChangedPipeline,
    Changes,
    ProjectChanges,
    Statuses,
    read_changes,
    read_statuses,
    statuses_query,
)
from gitlab_links.gitlab.snapshot import Snapshot
from gitlab_links.gitlab.times import query_time

# Page sizes, each a divisor of the one before: a page that is too large is read in smaller ones.
PAGE_SIZES = (MAX_BATCH, 50, 10, 1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list goes on: at the changes since a moment, or between two, and a page of these."""

    since: datetime
    until: datetime | None = None
    page: int = 1
    size: int = MAX_BATCH


@dataclass(frozen=True, slots=True)
class ChangedPage:
    """A page of changed items, the oldest change first.

    ``started_at`` is the time before the call, by our clock; ``gitlab_time`` that of the answer
    by GitLab's, None if it has no date. ``total`` is how many there are on all pages, if GitLab
    says so, which it does up to 10,000. ``size`` is the size of the page that GitLab could send.
    """

    items: tuple[Snapshot, ...]
    started_at: datetime
    gitlab_time: datetime | None
    more: bool
    total: int | None
    size: int


class DeltaClient(ItemClient):
    """A client that lists changes. Each call raises GitLabFailure if it fails."""

    def changed_items(self, project: int, item_type: ItemType, place: Place) -> ChangedPage:
        """The items of a project that changed at ``place.since`` or later, linked or not, with
        label colours and without pipelines. A moment counts to the millisecond, rounded down.
        """
        found = self._changed(path_of_project(project), item_type, place, {})
        return replace(found, items=tuple(of_project(project, found.items)))

    def changed_items_of_group(self, group: str, item_type: ItemType, place: Place) -> ChangedPage:
        """The same of all projects in a group and its subgroups that the token may read."""
        more = {"scope": "all", "non_archived": "false"}
        return self._changed(path_of_group(group), item_type, place, more)

    def _changed(
        self, owner: str, item_type: ItemType, place: Place, more: Mapping[str, str]
    ) -> ChangedPage:
        path = f"{owner}/{item_type.plural}"
        query = {
            "updated_after": query_time(place.since),
            "order_by": "updated_at",
            "sort": "asc",
            "with_labels_details": "true",
            **EXTRAS[item_type],
            **more,
        }
        if place.until is not None:
            query["updated_before"] = query_time(place.until)
        started_at = utcnow()
        with self._translated():
            response, size = self._page(path, query, place)
            listed = self._read(response)
            if not isinstance(listed, list):
                raise self._unusable("is not a list")
            found = [snapshot_from_api(item_type, read_object(one)) for one in listed]
            if not all(_is_since(place.since, snapshot) for snapshot in found):
                raise self._unusable("has items that did not change since the requested time")
        return ChangedPage(
            items=tuple(found),
            started_at=started_at,
            gitlab_time=read_date(response.headers),
            more=has_next_page(response),
            total=_total(response),
            size=size,
        )

    def changes(self, project_ids: Sequence[int], since: datetime) -> Changes | None:
        """What changed in up to 100 projects, in one call of GraphQL. None if this GitLab does
        not answer it: an old one, or a token for REST only.
        """
        started_at = utcnow()
        ids = [f"gid://gitlab/Project/{project_id}" for project_id in project_ids]
        answer, headers = self._query_with_headers(
            CHANGES, {"ids": ids, "after": query_time(since)}
        )
        projects = read_changes(answer)
        return None if projects is None else Changes(projects, started_at, read_date(headers))

    def statuses(
        self, wanted: Sequence[tuple[str, Sequence[int]]]
    ) -> list[dict[int, Statuses]] | None:
        """The statuses of merge requests by iid, for each project given by path and iids, in one
        call of GraphQL. None if this GitLab does not answer it.
        """
        return read_statuses(self._query(*statuses_query(wanted)), len(wanted))

    def changed_pipelines(self, project: int, since: datetime) -> Changes:
        """The pipelines of a project that changed at ``since`` or later; None if they are more
        than one page.
        """
        query = {"updated_after": query_time(since), "order_by": "updated_at", "sort": "asc"}
        started_at = utcnow()
        with self._translated():
            response = self._request(
                f"{path_of_project(project)}/pipelines", per_page=MAX_BATCH, **query
            )
            listed = self._read(response)
            if not isinstance(listed, list):
                raise self._unusable("is not a list")
        read = [_pipeline(read_object(one)) for one in listed]
        found = [one for one in read if one is not None]
        changes = ProjectChanges(None, None, None if has_next_page(response) else found)
        return Changes({project: changes}, started_at, read_date(response.headers))

    def _page(
        self, path: str, query: dict[str, str], place: Place
    ) -> tuple[requests.Response, int]:
        """The page, or the first part of it in the largest size that is not too large."""
        sizes = [size for size in PAGE_SIZES if size <= place.size]
        for size in sizes:
            page = (place.page - 1) * place.size // size + 1
            try:
                return self._request(path, **query, per_page=size, page=page), size
            except ResponseTooLargeError:
                if size == sizes[-1]:
                    raise
        raise ValueError(f"{place.size} is no size of a page")


def _pipeline(listed: Object) -> ChangedPipeline | None:
    pipeline_id, sha = read_id(listed.get("id")), read_sha(listed.get("sha"))
    status = read_word(listed.get("status"))
    if pipeline_id is None or sha is None or status is None:
        return None
    return ChangedPipeline(pipeline_id, sha, status)


def _is_since(since: datetime, snapshot: Snapshot) -> bool:
    """Whether an item belongs into the list: GitLab before 10 ignores ``updated_after``."""
    moment = snapshot.updated_at
    return isinstance(moment, datetime) and moment > since - timedelta(seconds=1)


def _total(response: requests.Response) -> int | None:
    text = response.headers.get("X-Total", "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
