"""Calls to GitLab. The only module that imports python-gitlab, which is slow to import.
Import this module where it is used: the web process must take webhooks without it.

python-gitlab sends the requests. The answers are read from its raw responses, because its
own objects come from a JSON parser without limits and fail on unexpected shapes.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

import gitlab
import gitlab.v4.objects  # by a first client otherwise, in each process anew
import requests
import urllib3
from gitlab.utils import EncodedId

from gitlab_links.clock import utcnow
from gitlab_links.config.allowed_hosts import AllowedHosts
from gitlab_links.errors import DomainError
from gitlab_links.gitlab.answer_headers import read_rate_limit, read_retry_after
from gitlab_links.gitlab.answers import (
    Fetched,
    GitLabFailure,
    RateLimit,
    failure_of_status,
)
from gitlab_links.gitlab.api_snapshot import NotAnItemError, snapshot_from_api
from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.gitlab.fields import read_branch, read_id, read_object
from gitlab_links.gitlab.guarded_session import (
    MAX_RESPONSE_BYTES,
    USER_AGENT,
    GuardedSession,
    ResponseTooLargeError,
)
from gitlab_links.gitlab.guarded_socket import BlockedAddressError, Resolver, system_resolver
from gitlab_links.gitlab.items import ItemType
from gitlab_links.gitlab.json_body import parse_json
from gitlab_links.gitlab.list_answers import has_next_page, of_project
from gitlab_links.gitlab.network_failures import network_detail
from gitlab_links.gitlab.snapshot import Snapshot
from gitlab_links.gitlab.urls import BaseUrl

MAX_BATCH = 100
DEFAULT_SECONDS = 10.0

# Makes GitLab compute a merge status that it does not know yet; the next answer has it.
EXTRAS = {ItemType.ISSUE: {}, ItemType.MERGE_REQUEST: {"with_merge_status_recheck": "true"}}
_TOKEN = re.compile(r"[!-~]+")


class GitLabClient:
    """A client for one GitLab with one token, for one thread.

    Every call takes at most ``seconds``, and all calls together at most ``whole_seconds``, if
    given. A failed call raises GitLabFailure. After a 429, which is kept in ``limited_by``,
    every further call raises the same and asks GitLab nothing. ``token`` is a personal, project
    or group access token. Do not pickle a client or pass it to a job: it contains the token.
    """

    def __init__(
        self,
        base: BaseUrl,
        token: str,
        *,
        allowed: AllowedHosts,
        seconds: float = DEFAULT_SECONDS,
        whole_seconds: float | None = None,
        max_bytes: int = MAX_RESPONSE_BYTES,
        ca_file: str | None = None,
        resolver: Resolver = system_resolver,
    ) -> None:
        if _TOKEN.fullmatch(token) is None:
            detail = "The token contains characters that no token has."
            raise GitLabFailure(ErrorCode.AUTH_ERROR, detail)
        self._session = GuardedSession(
            allowed,
            seconds=seconds,
            whole_seconds=whole_seconds,
            max_bytes=max_bytes,
            ca_file=ca_file,
            resolver=resolver,
        )
        self._session.hooks["response"].append(self._inspect)
        self.rate_limit: RateLimit | None = None
        self.limited_by: GitLabFailure | None = None
        self.calls = 0
        # Bearer, because a PRIVATE-TOKEN header would follow a redirect to another host.
        self._gitlab = gitlab.Gitlab(
            str(base),
            oauth_token=token,
            session=self._session,
            keep_base_url=True,
            user_agent=USER_AGENT,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<GitLabClient {self._gitlab.url}>"

    def close(self) -> None:
        """Close the connections. The client cannot be used afterwards."""
        self._session.close()

    def fetch_items(self, project: int | str, item_type: ItemType, iids: Sequence[int]) -> Fetched:
        """Fetch up to 100 items of a project, by its id or path, in one request.

        If the answer is too large, the batch is fetched again in halves. If it has several
        pages, all are fetched. One deadline covers everything. Items that were not requested
        are dropped, also those of another project. The answer has the colours of labels, and
        not the pipeline status of a merge request.
        """
        if len(iids) > MAX_BATCH:
            raise ValueError(f"{len(iids)} iids are more than the {MAX_BATCH} of one page")
        started_at = utcnow()
        wanted = sorted(set(iids))
        with self._translated():
            found = self._fetch_batch(project, item_type, wanted) if wanted else []
        by_iid = {snapshot.iid: snapshot for snapshot in of_project(project, found)}
        return Fetched({iid: by_iid[iid] for iid in wanted if iid in by_iid}, started_at)

    def fetch_item(self, project: int | str, item_type: ItemType, iid: int) -> Snapshot:
        """Fetch one item in its full form: with the pipeline status of a merge request, but
        without the colours of labels. An answer about another item is refused.
        """
        with self._translated():
            answer = self._get(f"{path_of_project(project)}/{item_type.plural}/{iid}")
            found = snapshot_from_api(item_type, self._expect_object(answer))
        if found.iid != iid or not of_project(project, [found]):
            raise self._unusable("is about another item than the requested one")
        return found

    def project_id(self, path: str) -> int:
        """The id of the project with a path; a former path that redirects works too."""
        with self._translated():
            answer = self._expect_object(self._get(path_of_project(path)))
        found = read_id(answer.get("id"))
        if found is None:
            raise self._unusable("has no project id")
        return found

    def default_branch(self, project: int | str) -> str | None:
        """The default branch of a project; None if it has no repository."""
        with self._translated():
            answer = self._expect_object(self._get(path_of_project(project)))
        return read_branch(answer.get("default_branch"))

    def check_account(self) -> None:
        """Check that GitLab answers the token's account at all.

        Raises GitLabFailure for a failure that every other call shares: a refused token, a
        blocked account, an address without a GitLab. A token that may not read its own user
        passes.
        """
        with self._translated():
            try:
                self._expect_object(self._get_of_any("/user"))
            except GitLabFailure as failure:
                if failure.code != ErrorCode.INSUFFICIENT_SCOPE:
                    raise

    def _fetch_batch(
        self, project: int | str, item_type: ItemType, iids: Sequence[int]
    ) -> list[Snapshot]:
        path = f"{path_of_project(project)}/{item_type.plural}"
        query = {"iids[]": list(iids), "with_labels_details": "true", **EXTRAS[item_type]}
        try:
            answer = self._pages(path, query, len(iids))
        except ResponseTooLargeError:
            if len(iids) == 1:
                raise
            middle = len(iids) // 2
            halves = (iids[:middle], iids[middle:])
            return [one for half in halves for one in self._fetch_batch(project, item_type, half)]
        return [snapshot_from_api(item_type, read_object(one)) for one in answer]

    def _pages(self, path: str, query: Mapping[str, Any], wanted: int) -> list[Any]:
        """A list of at most ``wanted`` entries. GitLab may send smaller pages than requested."""
        found: list[Any] = []
        page = 1
        while True:
            number = {} if page == 1 else {"page": page}
            response = self._request(path, per_page=MAX_BATCH, **query, **number)
            listed = self._read(response)
            if not isinstance(listed, list):
                raise self._unusable("is not a list")
            found += listed
            if not has_next_page(response) or len(found) >= wanted:
                return found
            if not listed:
                raise self._unusable("has an empty page before its end")
            page += 1

    def _get_optional(self, path: str) -> Any:
        """The answer, or None if this GitLab does not have the resource."""
        try:
            return self._get(path)
        except GitLabFailure as failure:
            if failure.code == ErrorCode.NOT_FOUND:
                return None
            raise

    def _get_of_any(self, path: str, **query: Any) -> Any:
        """The answer of a resource that every GitLab has: where it is not found is no GitLab."""
        try:
            return self._get(path, **query)
        except GitLabFailure as failure:
            if failure.code == ErrorCode.NOT_FOUND:
                raise self._unusable("is 404", 404) from failure
            raise

    def _get(self, path: str, **query: Any) -> Any:
        return self._read(self._request(path, **query))

    def _request(self, path: str, **query: Any) -> requests.Response:
        response = self._gitlab.http_get(path, query_data=query, raw=True, obey_rate_limit=False)
        if not isinstance(response, requests.Response):
            raise TypeError("python-gitlab gave no raw response")
        return response

    def _read(self, response: requests.Response) -> Any:
        try:
            return parse_json(response.content)
        except DomainError as error:
            raise self._unusable("is not usable JSON", response.status_code) from error

    def _expect_object(self, answer: object) -> Mapping[str, Any]:
        if not isinstance(answer, dict):
            raise self._unusable("is not an object")
        return answer

    @staticmethod
    def _unusable(what: str, status: int = 200) -> GitLabFailure:
        return GitLabFailure(
            f"http_{status}",
            f"The answer {what}; is the base URL that of a GitLab?",
            http_status=status,
        )

    def _inspect(self, response: requests.Response, *_: Any, **__: Any) -> None:
        """Record the rate limit, and raise for a failure.

        python-gitlab would parse the body of an error without limits, and its exceptions
        have no headers.
        """
        self.calls += 1
        self.rate_limit = read_rate_limit(response.headers) or self.rate_limit
        status = response.status_code
        if 200 <= status < 300 or self._session.get_redirect_target(response) is not None:
            return
        retry_after = read_retry_after(response.headers, utcnow())
        failure = failure_of_status(status, response.content, retry_after)
        if failure.code == ErrorCode.RATE_LIMITED:
            self.limited_by = self._session.stopped_by = failure
        raise failure

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Start the deadline, and turn every error of a call into a GitLabFailure."""
        self._session.deadline.start()
        try:
            yield
        except BlockedAddressError as error:
            raise GitLabFailure(ErrorCode.BLOCKED_ADDRESS, str(error)) from error
        except ResponseTooLargeError as error:
            raise GitLabFailure(
                f"http_{error.status}", str(error), http_status=error.status
            ) from error
        except NotAnItemError as error:
            raise GitLabFailure("http_200", str(error), http_status=200) from error
        except requests.TooManyRedirects as error:
            status = 302 if error.response is None else error.response.status_code
            raise failure_of_status(status, b"", None) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise GitLabFailure(ErrorCode.NETWORK_ERROR, network_detail(error)) from error


def path_of_group(group: str) -> str:
    """The API's path of a group, by its path."""
    return f"/groups/{EncodedId(group)}"


def path_of_project(project: int | str) -> str:
    """The API's path of a project, by the project's id or path."""
    return f"/projects/{EncodedId(project)}"
