"""Search the items of a project. Import it where it is used, like ``gitlab.client``, which is
slow to import.
"""

from dataclasses import dataclass
from datetime import datetime

from gitlab_links.clock import utcnow
from gitlab_links.gitlab.api_snapshot import snapshot_from_api
from gitlab_links.gitlab.client import EXTRAS, MAX_BATCH, GitLabClient, path_of_project
from gitlab_links.gitlab.fields import read_object
from gitlab_links.gitlab.items import ItemType
from gitlab_links.gitlab.list_answers import has_next_page, of_project
from gitlab_links.gitlab.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class FoundPage:
    """A page of found items, the oldest first. ``started_at`` is the time before the call."""

    items: tuple[Snapshot, ...]
    started_at: datetime
    more: bool


class SearchClient(GitLabClient):
    """A client that searches. Each call raises GitLabFailure if it fails."""

    def found_items(
        self, project: int, item_type: ItemType, *, words: str | None, page: int
    ) -> FoundPage:
        """The items of a project with ``words`` in title or description, in any state; None for
        those that are open, whatever they say.
        """
        query = {
            "scope": "all",
            "order_by": "created_at",
            "sort": "asc",
            "with_labels_details": "true",
            **EXTRAS[item_type],
        }
        query |= (
            {"state": "opened"} if words is None else {"search": words, "in": "title,description"}
        )
        started_at = utcnow()
        with self._translated():
            path = f"{path_of_project(project)}/{item_type.plural}"
            response = self._request(path, per_page=MAX_BATCH, page=page, **query)
            listed = self._read(response)
            if not isinstance(listed, list):
                raise self._unusable("is not a list")
            found = [snapshot_from_api(item_type, read_object(one)) for one in listed]
        items = tuple(of_project(project, found))
        return FoundPage(items, started_at, has_next_page(response))
