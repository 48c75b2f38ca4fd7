"""Read and set the issue tracker of a project. Needs a maintainer's token with the scope ``api``.

Import it where it is used, like ``gitlab.client``, which is slow to import.
"""

from gitlab_links.gitlab.client import path_of_project
from gitlab_links.gitlab.fields import read_object
from gitlab_links.gitlab.hook_client import MaintainingClient
from gitlab_links.gitlab.issue_trackers import CUSTOM, TRACKERS, PresentTracker, TrackerFields


class TrackerClient(MaintainingClient):
    """A client for issue trackers. Each call raises GitLabFailure if it fails."""

    def tracker(self, project: int | str) -> PresentTracker | None:
        """The project's active issue tracker, other than GitLab's own."""
        with self._translated():
            listed = self._get(f"{path_of_project(project)}/integrations", per_page=100)
            active = [
                slug
                for row in (listed if isinstance(listed, list) else ())
                if (one := read_object(row)).get("active") is True
                and (slug := one.get("slug")) in TRACKERS
            ]
            other = next((slug for slug in active if slug != CUSTOM), None)
            if other is not None:
                return PresentTracker(other, None)
            if not active:
                return None
            custom = read_object(self._get(_custom(project)))
        url = read_object(custom.get("properties")).get("issues_url")
        return PresentTracker(CUSTOM, url[:2000] if isinstance(url, str) else None)

    def set_tracker(self, project: int | str, fields: TrackerFields) -> None:
        """Set the project's custom issue tracker."""
        self._send("put", _custom(project), fields.body())


def _custom(project: int | str) -> str:
    return f"{path_of_project(project)}/integrations/{CUSTOM}"
