"""List the projects of a token, for a person to choose from. Import it where it is used, like
``gitlab.client``, which is slow to import.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from gitlab_links.gitlab.client import GitLabClient
from gitlab_links.gitlab.fields import read_id, read_object, read_project_path
from gitlab_links.gitlab.listed_project import ListedPage, ListedProject

PROJECTS_A_PAGE = 50
# The lowest role that reads merge requests in every project.
REPORTER = 20
# The lowest role that may create webhooks in a project.
MAINTAINER = 40


class ListingClient(GitLabClient):
    """A client that finds projects. Each call raises GitLabFailure if it fails."""

    def projects(self, search: str = "", page: int = 1) -> ListedPage:
        """One page of the projects that the token's owner may read as a member, the most active
        first. ``search`` matches names and paths.
        """
        query = {
            "membership": "true",
            "min_access_level": REPORTER,
            "archived": "false",
            "order_by": "last_activity_at",
            "per_page": PROJECTS_A_PAGE,
            "page": page,
        }
        if search:
            query |= {"search": search, "search_namespaces": "true"}
        with self._translated():
            listed = self._get("/projects", **query)
            if not isinstance(listed, list):
                raise self._unusable("is not a list")
        return ListedPage(list(_read(listed)), more=len(listed) >= PROJECTS_A_PAGE)


def _read(listed: list[object]) -> Iterator[ListedProject]:
    for row in listed[:PROJECTS_A_PAGE]:
        project = read_object(row)
        gitlab_id = read_id(project.get("id"))
        path = read_project_path(project.get("path_with_namespace"))
        if gitlab_id is not None and path is not None:
            yield ListedProject(gitlab_id, path, _is_maintained(project))


def _is_maintained(project: Mapping[str, Any]) -> bool:
    """Whether the token's owner may create webhooks. If GitLab does not say, it is tried."""
    permissions = read_object(project.get("permissions"))
    roles = [
        read_id(read_object(permissions.get(name)).get("access_level"))
        for name in ("project_access", "group_access")
    ]
    known = [role for role in roles if role is not None]
    return not known or max(known) >= MAINTAINER
