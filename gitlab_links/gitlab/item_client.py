"""Fetch items that GitLab's lists leave out. Import it where it is used, like
``gitlab.client``, which is slow to import.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gitlab_links.gitlab.answers import GitLabFailure
from gitlab_links.gitlab.api_snapshot import snapshot_from_api
from gitlab_links.gitlab.client import MAX_BATCH, GitLabClient, path_of_project
from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.gitlab.fields import read_id, read_object
from gitlab_links.gitlab.item_moves import Moved, read_moves
from gitlab_links.gitlab.items import ItemType
from gitlab_links.gitlab.snapshot import Snapshot
from gitlab_links.gitlab.work_items import (
    PROJECT,
    WORK_ITEMS,
    project_of_answer,
    read_global_id,
    read_work_items,
    says_no_project,
)


class ItemClient(GitLabClient):
    """A client that finds an item by every API that GitLab has for it."""

    def fetch_work_items(
        self, project: int | str, path: str, iids: Sequence[int]
    ) -> Mapping[int, Snapshot] | None:
        """Fetch up to 100 items of any type of a project at ``path`` by GraphQL, in one request.

        A missing iid does not exist, or the token may not see it. None if this GitLab cannot
        answer: it has no GraphQL or not these fields, the path is another project's, or it
        accepts the token only for REST. Raises GitLabFailure for the rate limit, and if the
        network or GitLab fails.
        """
        wanted = {str(iid) for iid in iids}
        answer = self._query(WORK_ITEMS, {"path": path, "iids": sorted(wanted, key=int)})
        found = project_of_answer(answer)
        if found is None or (
            isinstance(project, int) and read_global_id(found.get("id")) != project
        ):
            return None
        items = read_work_items(found)
        if items is None:
            return None
        return {iid: snapshot for iid, snapshot in items.items() if str(iid) in wanted}

    def project_elsewhere(self, path: str) -> int | None:
        """The id of a project that REST does not find by its path.

        Some proxies decode the ``%2F`` in such an address. GraphQL and the search send the
        path outside of the address. None if they do not find the project either.
        """
        try:
            answer = self._query(PROJECT, {"path": path})
        except GitLabFailure as failure:
            if failure.code == ErrorCode.RATE_LIMITED:
                raise
            answer = None
        found = project_of_answer(answer)
        if found is not None:
            return read_global_id(found.get("id"))
        if says_no_project(answer):
            return None
        with self._translated():
            listed = self._get(
                "/projects",
                search=path,
                search_namespaces="true",
                simple="true",
                per_page=MAX_BATCH,
            )
        for one in map(read_object, listed if isinstance(listed, list) else []):
            if str(one.get("path_with_namespace")).lower() == path.lower():
                return read_id(one.get("id"))
        return None

    def find_project(self, path: str) -> int | None:
        """The id of the project with a path, by REST, GraphQL or search; None if none finds it."""
        try:
            return self.project_id(path)
        except GitLabFailure as failure:
            if failure.code != ErrorCode.NOT_FOUND:
                raise
        return self.project_elsewhere(path)

    def find_moved(self, issue: Snapshot, project_path: str) -> Moved | None:
        """The issue that a moved issue is now; None if the token may not see it.

        The notes name a reference. It is the right one if its issue has ``moved_to_id``.
        """
        project = issue.project_id or project_path
        with self._translated():
            notes = self._get(
                f"{path_of_project(project)}/issues/{issue.iid}/notes", per_page=MAX_BATCH
            )
            for ref in read_moves(notes, project_path):
                target = read_object(
                    self._get_optional(f"{path_of_project(ref.project_path)}/issues/{ref.iid}")
                )
                if read_id(target.get("id")) == issue.moved_to_id:
                    return Moved(ref, snapshot_from_api(ItemType.ISSUE, target))
        return None

    def _query(self, query: str, variables: Mapping[str, Any]) -> Any:
        """The answer of GraphQL, or None if this GitLab does not give this token one. Raises
        GitLabFailure for the rate limit and for a failure that may be temporary.
        """
        return self._query_with_headers(query, variables)[0]

    def _query_with_headers(
        self, query: str, variables: Mapping[str, Any]
    ) -> tuple[Any, Mapping[str, str]]:
        try:
            with self._translated():
                response = self._gitlab.http_request(
                    "post",
                    f"{self._gitlab.url}/api/graphql",
                    post_data={"query": query, "variables": dict(variables)},
                    obey_rate_limit=False,
                    max_retries=0,
                )
                return self._read(response), response.headers
        except GitLabFailure as failure:
            if failure.code == ErrorCode.RATE_LIMITED or failure.is_trouble:
                raise
            return None, {}
