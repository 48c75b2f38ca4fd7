"""Fetch batches from GitLab. No database here: nothing is locked during a call."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import local
from time import monotonic
from typing import TYPE_CHECKING

import structlog

from gitlab_links.clock import utcnow
from gitlab_links.gitlab.answers import (
    Fetched,
    GitLabFailure,
    RateLimit,
)
from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.gitlab.item_moves import Moved
from gitlab_links.gitlab.items import ItemState, ItemType
from gitlab_links.gitlab.snapshot import UNKNOWN, Snapshot
from gitlab_links.sync.blame import wants_account
from gitlab_links.sync.due_items import Batch, DueItem
from gitlab_links.sync.fetch_by_path import decodes_slashes, id_of, listed_by_path
from gitlab_links.sync.merge_request_details import detail_shows
from gitlab_links.sync.missing_items import resolve_absences
from gitlab_links.sync.moved_issues import find_moves

if TYPE_CHECKING:
    from gitlab_links.gitlab.item_client import ItemClient

PARALLEL_CALLS = 4
# The single form costs one call per item. None begins after this part of the deadline.
DETAILS_PART = 0.5
# Every call has reached its own deadline by then, unless the resolver hangs.
LAST_ANSWER_AT = 1.1 + DETAILS_PART
# With less time left than this, no further call is made.
SHORTEST_CALL = 0.2
REFUSALS = frozenset({"http_403", ErrorCode.INSUFFICIENT_SCOPE, ErrorCode.NOT_FOUND})

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of one batch: snapshots by iid, a failure, or both if details failed.

    ``started_at`` is the time before the call: the answer is at least that new.
    ``path_owner`` is the id of another project that now has the batch's path. ``moved`` has
    the new places of moved issues by iid. ``codes`` has by iid why an item has no snapshot;
    for the iids in ``unresolved`` that is not known yet. All other missing items are gone.

    ``default_branch`` is the project's, if it was asked for. ``project_id`` is the id of a
    project that was known only by its path, if no snapshot has it. ``decodes_slashes``: whether
    a proxy decodes the ``%2F`` of a path; None if no path was tried.
    """

    batch: Batch
    started_at: datetime
    snapshots: Mapping[int, Snapshot]
    failure: GitLabFailure | None
    rate_limit: RateLimit | None
    path_owner: int | None = None
    moved: Mapping[int, Moved] = field(default_factory=dict)
    codes: Mapping[int, str] = field(default_factory=dict)
    unresolved: frozenset[int] = frozenset()
    project_id: int | None = None
    decodes_slashes: bool | None = None
    default_branch: str | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """The answers of parallel calls, in the order of their batches.

    ``account_asked``: no call succeeded, and the token's account was checked right after;
    ``account_failure`` is that check's failure, None if GitLab answered.
    """

    answers: Sequence[Answer]
    account_asked: bool = False
    account_failure: GitLabFailure | None = None


class Fetcher:
    """Fetches batches in parallel, each thread with its own connection.

    ``seconds`` is the deadline of one call. ``LAST_ANSWER_AT`` gives that of a round.
    """

    def __init__(self, connect: Callable[[], "ItemClient"], seconds: float) -> None:
        self._connect = connect
        self._seconds = seconds
        self._thread = local()
        self._clients: list[ItemClient] = []
        self._pool = ThreadPoolExecutor(PARALLEL_CALLS)

    def fetch(self, batches: Sequence[Batch]) -> Round:
        """One answer per batch; a failed call gives an answer too.

        If no call succeeded, one more call in the same time finds out whether the connection
        fails or only these calls.
        """
        started_at, ends_at = utcnow(), monotonic() + self._seconds * LAST_ANSWER_AT
        calls = [self._pool.submit(self._fetch, batch) for batch in batches]
        wait(calls, timeout=ends_at - monotonic())
        answers = [
            _answer_of(call, batch, started_at) for call, batch in zip(calls, batches, strict=True)
        ]
        if not wants_account(answers) or monotonic() > ends_at - SHORTEST_CALL:
            return Round(answers)
        return self._check_account(answers, ends_at)

    def _check_account(self, answers: Sequence[Answer], ends_at: float) -> Round:
        check = self._pool.submit(lambda: self._client().check_account())
        wait([check], timeout=ends_at - monotonic())
        if not check.done():
            late = GitLabFailure(ErrorCode.NETWORK_ERROR, "GitLab did not answer in time.")
            return Round(answers, account_asked=True, account_failure=late)
        error = check.exception()
        if error is not None and not isinstance(error, GitLabFailure):
            log.error("sync.account_call_failed", error=repr(error))
            return Round(answers)
        return Round(answers, account_asked=True, account_failure=error)

    def close(self) -> None:
        """Close the connections. A thread that hangs stays until the process ends."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for client in self._clients:
            client.close()

    def _client(self) -> "ItemClient":
        if not hasattr(self._thread, "client"):
            self._thread.client = self._connect()
            self._clients.append(self._thread.client)
        client: ItemClient = self._thread.client
        return client

    def _fetch(self, batch: Batch) -> Answer:
        started_at = utcnow()
        ends_at = monotonic() + self._seconds * DETAILS_PART
        found: dict[int, Snapshot] = {}
        failure: GitLabFailure | None = None
        path_owner: int | None = None
        moved: dict[int, Moved] = {}
        codes: dict[int, str] = {}
        requested, project_id, default_branch = batch, None, None

        def in_time() -> bool:
            return monotonic() < ends_at

        try:
            client = self._client()
            batch, listed = listed_by_path(client, batch, _list, in_time)
            found |= listed
            _add_details(client, batch, found, in_time)
            absences = resolve_absences(client, batch, found, in_time)
            found |= absences.found
            codes |= absences.codes
            moved |= find_moves(client, batch, found, in_time)
            if _needs_default_branch(batch, found) and in_time():
                default_branch = client.default_branch(batch.project)
            if _has_other_path(batch, found) and in_time():
                path_owner = self._path_owner(batch)
            if not found and isinstance(requested.project, str) and in_time():
                project_id = id_of(client, batch)
        except GitLabFailure as error:
            failure = error
            if failure.code == ErrorCode.NOT_FOUND:
                path_owner = self._path_owner(batch)
        rate_limit = getattr(getattr(self._thread, "client", None), "rate_limit", None)
        unresolved = frozenset({item.iid for item in batch.items} - found.keys() - codes.keys())
        return Answer(
            batch=batch,
            started_at=started_at,
            snapshots=found,
            failure=failure,
            rate_limit=rate_limit,
            path_owner=path_owner,
            moved=moved,
            codes=codes,
            unresolved=unresolved,
            project_id=project_id,
            decodes_slashes=decodes_slashes(requested, batch, failure),
            default_branch=default_branch,
        )

    def _path_owner(self, batch: Batch) -> int | None:
        """The id of another project that now has the batch's path, if any."""
        if batch.path is None or batch.project == batch.path:
            return None
        try:
            found = self._client().find_project(batch.path)
        except GitLabFailure:
            return None
        return None if found == batch.project else found


def _list(client: "ItemClient", batch: Batch) -> Fetched:
    """The list, with one immediate retry after a 401: proxies and deploys cause some too."""
    iids = [item.iid for item in batch.items]
    try:
        return client.fetch_items(batch.project, batch.type, iids)
    except GitLabFailure as failure:
        if failure.code != ErrorCode.AUTH_ERROR:
            raise
    return client.fetch_items(batch.project, batch.type, iids)


def _answer_of(call: Future[Answer], batch: Batch, started_at: datetime) -> Answer:
    if not call.done():
        late = GitLabFailure(ErrorCode.NETWORK_ERROR, "GitLab's address did not resolve in time.")
        return Answer(batch, started_at, {}, late, None)
    try:
        return call.result()
    except Exception:
        # A bug with one answer must not block the org's other items.
        log.exception("sync.call_failed", project_row=str(batch.project_row), type=batch.type)
        fault = GitLabFailure("internal_error", "The answer could not be read.")
        return Answer(batch, started_at, {}, fault, None)


def _needs_default_branch(batch: Batch, found: Mapping[int, Snapshot]) -> bool:
    """Whether a merge went to another branch than the default one that is known, which may have
    been renamed. Webhooks name it; only fetches have to ask.
    """
    return batch.wants_default_branch and any(
        one.state is ItemState.MERGED and one.target_branch not in (UNKNOWN, batch.default_branch)
        for one in found.values()
    )


def _has_other_path(batch: Batch, found: Mapping[int, Snapshot]) -> bool:
    """Whether a project that was requested by its id has another path than the cached one."""
    if batch.path is None or isinstance(batch.project, str):
        return False
    paths = {(one.project_path or batch.path).lower() for one in found.values()}
    return bool(paths - {batch.path.lower()})


def _add_details(
    client: "ItemClient",
    batch: Batch,
    found: dict[int, Snapshot],
    in_time: Callable[[], bool],
) -> None:
    for item in _wanting_detail(batch, found):
        if in_time():
            found[item.iid] = _detailed(client, batch, found[item.iid])


def _wanting_detail(batch: Batch, found: Mapping[int, Snapshot]) -> list[DueItem]:
    """The items whose single form is needed: it has the pipeline, the list the label colours."""
    if batch.type is not ItemType.MERGE_REQUEST:
        return []
    return [
        item
        for item in batch.items
        if item.iid in found
        and (item.wants_detail or detail_shows(found[item.iid], item.head_sha, item.merge_status))
    ]


def _detailed(client: "ItemClient", batch: Batch, listed: Snapshot) -> Snapshot:
    try:
        single = client.fetch_item(batch.project, batch.type, listed.iid)
    except GitLabFailure as failure:
        if failure.stops_all_calls:
            raise
        # A refusal counts as an answer; after any other failure the detail is fetched again.
        return replace(listed, detailed=failure.code in REFUSALS)
    merge_status = single.merge_status
    return replace(
        listed,
        pipeline_status=single.pipeline_status,
        merge_status=listed.merge_status if merge_status is UNKNOWN else merge_status,
        detailed=True,
    )
