"""Check an answer with a list: the project of its items, and whether more pages follow."""

from collections.abc import Sequence

import requests

from gitlab_links.gitlab.snapshot import Snapshot


def of_project(project: int | str, found: Sequence[Snapshot]) -> Sequence[Snapshot]:
    """The snapshots that belong to the project, as far as they name theirs.

    A project requested by a former path has another path in the answer. All snapshots then
    have one project id, and all are returned.
    """
    ids = {snapshot.project_id for snapshot in found} - {None}
    if isinstance(project, int):
        return [snapshot for snapshot in found if snapshot.project_id in (project, None)]
    if len(ids) <= 1:
        return found
    return [one for one in found if (one.project_path or "").lower() == project.lower()]


def has_next_page(response: requests.Response) -> bool:
    """Whether the list has another page."""
    return bool(response.headers.get("X-Next-Page", "").strip()) or "next" in response.links
