"""Listing what a token reaches, for somebody to pick from. Import it where it is used, as
``gitlab.client``.
"""

from collections.abc import Iterator, Sequence

from gitlab_links.gitlab.client import GitLabClient
from gitlab_links.gitlab.fields import read_id, read_object, read_project_path
from gitlab_links.gitlab.listed import ListedProject

PROJECTS_A_PAGE = 50
# Whoever is less may not make webhooks in a project.
MAINTAINER = 40


class ListingClient(GitLabClient):
    """A client that looks for projects. Each call raises GitLabFailure, as reading does."""

    def projects(self, search: str = "") -> Sequence[ListedProject]:
        """Projects that the token's owner maintains, the most active first, one page of them;
        ``search`` looks in names and paths.
        """
        query = {
            "membership": "true",
            "min_access_level": MAINTAINER,
            "archived": "false",
            "simple": "true",
            "order_by": "last_activity_at",
            "per_page": PROJECTS_A_PAGE,
        }
        if search:
            query |= {"search": search, "search_namespaces": "true"}
        with self._translated():
            listed = self._get("/projects", **query)
            if not isinstance(listed, list):
                raise self._unusable("is not a list")
            return list(_read(listed))


def _read(listed: list[object]) -> Iterator[ListedProject]:
    for row in listed[:PROJECTS_A_PAGE]:
        told = read_object(row)
        gitlab_id = read_id(told.get("id"))
        path = read_project_path(told.get("path_with_namespace"))
        if gitlab_id is not None and path is not None:
            yield ListedProject(gitlab_id, path)
