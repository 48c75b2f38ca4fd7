"""List what changed since a moment. Import it where it is used, like ``gitlab.client``, which
is slow to import.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import requests

from gitlab_links.clock import utcnow
from gitlab_links.gitlab.answer_headers import read_date
from gitlab_links.gitlab.api_snapshot import snapshot_from_api
from gitlab_links.gitlab.client import EXTRAS, MAX_BATCH, RESOURCES, path_of_project
from gitlab_links.gitlab.fields import read_object
from gitlab_links.gitlab.guarded_session import ResponseTooLargeError
from gitlab_links.gitlab.item_client import ItemClient
from gitlab_links.gitlab.items import ItemType
from gitlab_links.gitlab.list_answers import has_next_page, of_project
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
        path = f"{path_of_project(project)}/{RESOURCES[item_type]}"
        query = {
            "updated_after": query_time(place.since),
            "order_by": "updated_at",
            "sort": "asc",
            "with_labels_details": "true",
            **EXTRAS[item_type],
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
            items=tuple(of_project(project, found)),
            started_at=started_at,
            gitlab_time=read_date(response.headers),
            more=has_next_page(response),
            total=_total(response),
            size=size,
        )

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


def _is_since(since: datetime, snapshot: Snapshot) -> bool:
    """Whether an item belongs into the list: GitLab before 10 ignores ``updated_after``."""
    moment = snapshot.updated_at
    return isinstance(moment, datetime) and moment > since - timedelta(seconds=1)


def _total(response: requests.Response) -> int | None:
    text = response.headers.get("X-Total", "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
