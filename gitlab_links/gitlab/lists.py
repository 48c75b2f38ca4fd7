"""What an answer with a list is worth: of which project its items are, and whether it goes on."""

from collections.abc import Sequence

import requests

from gitlab_links.gitlab.snapshot import Snapshot


def of_project(project: int | str, found: Sequence[Snapshot]) -> Sequence[Snapshot]:
    """Those of the snapshots that are of the project, where they say which they are of.

    One asked for by its path may be called otherwise by now; then all are of one project.
    """
    ids = {snapshot.project_id for snapshot in found} - {None}
    if isinstance(project, int):
        return [snapshot for snapshot in found if snapshot.project_id in (project, None)]
    if len(ids) <= 1:
        return found
    return [one for one in found if (one.project_path or "").lower() == project.lower()]


def has_next_page(response: requests.Response) -> bool:
    """Whether GitLab says that the list goes on."""
    return bool(response.headers.get("X-Next-Page", "").strip()) or "next" in response.links
