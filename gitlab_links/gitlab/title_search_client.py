"""Search the items of a project by their titles, for a person who types. Import it where it is
used, like ``gitlab.client``, which is slow to import.
"""

from collections.abc import Sequence
from typing import Any

from gitlab_links.gitlab.api_snapshot import NotAnItemError, snapshot_from_api
from gitlab_links.gitlab.client import GitLabClient, path_of_project
from gitlab_links.gitlab.fields import read_object
from gitlab_links.gitlab.items import ItemType
from gitlab_links.gitlab.snapshot import Snapshot

MOST_OF_A_KIND = 5


class TitleSearchClient(GitLabClient):
    """A client that finds items by title. Each call raises GitLabFailure if it fails."""

    def titled(
        self, project: int, item_type: ItemType, words: str, *, confidential: bool
    ) -> Sequence[Snapshot]:
        """The items of a type whose titles have the words, those changed last first.

        Without ``confidential`` there is none that GitLab calls so.
        """
        query: dict[str, Any] = {
            "search": words,
            "in": "title",
            "scope": "all",
            "order_by": "updated_at",
            "per_page": MOST_OF_A_KIND,
        }
        if item_type is ItemType.ISSUE and not confidential:
            query["confidential"] = "false"
        with self._translated():
            listed = self._get(f"{path_of_project(project)}/{item_type.plural}", **query)
        rows = listed if isinstance(listed, list) else []
        found = [one for row in rows[:MOST_OF_A_KIND] if (one := _read(item_type, row)) is not None]
        return found if confidential else [one for one in found if one.confidential is not True]


def _read(item_type: ItemType, row: object) -> Snapshot | None:
    try:
        return snapshot_from_api(item_type, read_object(row))
    except NotAnItemError:
        return None
