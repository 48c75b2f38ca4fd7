"""Fetch batches from GitLab. No database here: nothing is locked during a call."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from threading import local
from time import monotonic
from typing import TYPE_CHECKING, Generic, TypeVar

import structlog

from gitlab_links.clock import utcnow
from gitlab_links.gitlab.answers import (
    Fetched,
    GitLabFailure,
    RateLimit,
)
from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.gitlab.item_moves import Moved
from gitlab_links.gitlab.items import ItemState
from gitlab_links.gitlab.snapshot import UNKNOWN, Snapshot
from gitlab_links.sync.blame import Answered, wants_account
from gitlab_links.sync.due_items import Batch
from gitlab_links.sync.fetch_by_path import (
    decodes_slashes,
    has_other_path,
    id_of,
    listed_by_path,
    path_owner,
)
from gitlab_links.sync.missing_items import resolve_absences
from gitlab_links.sync.moved_issues import find_moves
from gitlab_links.sync.single_forms import add_details

if TYPE_CHECKING:
    from gitlab_links.gitlab.delta_client import DeltaClient
    from gitlab_links.gitlab.item_client import ItemClient

PARALLEL_CALLS = 4
# The single form costs one call per item. None begins after this part of the deadline.
DETAILS_PART = 0.5
# Every call has reached its own deadline by then, unless the resolver hangs.
LAST_ANSWER_AT = 1.1 + DETAILS_PART
# With less time left than this, no further call is made.
SHORTEST_CALL = 0.2

log = structlog.get_logger(__name__)

InTime = Callable[[], bool]
A = TypeVar("A", bound=Answered)


@dataclass(frozen=True, slots=True)
class Call(Generic[A]):
    """Calls of one thread with one result. ``ask`` makes them, the next one only while it is
    in time, and does not raise GitLabFailure. ``failed`` makes the result of a call that did
    not end, or not well.
    """

    ask: "Callable[[DeltaClient, InTime], A]"
    failed: Callable[[GitLabFailure], A]


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of one batch: snapshots by iid, a failure, or both if details failed.

    ``started_at`` is the time before the call: the answer is at least that new.
    ``path_owner`` is the id of another project that now has the batch's path. ``moved`` has
    the new places of moved issues by iid. ``codes`` has by iid why an item has no snapshot;
    for the iids in ``unresolved`` that is not known yet. All other missing items are gone.

    ``default_branch`` is the project's, if it was asked for. ``project_id`` is the id of a
    project that was known only by its path, if no snapshot has it. ``decodes_slashes``: whether
    a proxy decodes the ``%2F`` of a path; None if no path was tried. ``calls`` is how many GitLab
    has answered.
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
    calls: int = 0


@dataclass(frozen=True, slots=True)
class Round(Generic[A]):
    """The answers of parallel calls, in the order of the calls.

    ``account_asked``: no call succeeded, and the token's account was checked right after;
    ``account_failure`` is that check's failure, None if GitLab answered.
    """

    answers: Sequence[A]
    account_asked: bool = False
    account_failure: GitLabFailure | None = None


class Fetcher:
    """Fetches batches in parallel, each thread with its own connection.

    ``seconds`` is the deadline of one call. ``LAST_ANSWER_AT`` gives that of a round.
    """

    def __init__(self, connect: Callable[[], "DeltaClient"], seconds: float) -> None:
        self._connect = connect
        self._seconds = seconds
        self._thread = local()
        self._clients: list[DeltaClient] = []
        self._pool = ThreadPoolExecutor(PARALLEL_CALLS)
        self._counted = 0

    def fetch(self, batches: Sequence[Batch]) -> Round[Answer]:
        """One answer per batch; a failed call gives an answer too."""
        started_at = utcnow()
        return self.together([self._call(batch, started_at) for batch in batches])

    def together(self, calls: Sequence[Call[A]]) -> Round[A]:
        """Make the calls side by side; one answer each.

        If no call succeeded, one more call in the same time finds out whether the connection
        fails or only these calls.
        """
        ends_at = monotonic() + self._seconds * LAST_ANSWER_AT
        begun = [self._pool.submit(self._ask, call) for call in calls]
        wait(begun, timeout=ends_at - monotonic())
        answers = [_answer_of(one, call) for one, call in zip(begun, calls, strict=True)]
        if not wants_account(answers) or monotonic() > ends_at - SHORTEST_CALL:
            return Round(answers)
        return self._check_account(answers, ends_at)

    def _ask(self, call: Call[A]) -> A:
        ends_at = monotonic() + self._seconds * DETAILS_PART

        def in_time() -> bool:
            return monotonic() < ends_at

        try:
            return call.ask(self._client(), in_time)
        except GitLabFailure as failure:  # there is no client for such a token
            return call.failed(failure)

    def _check_account(self, answers: Sequence[A], ends_at: float) -> Round[A]:
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

    def answered_calls(self) -> int:
        """How many calls GitLab has answered since this was last asked for."""
        before, self._counted = self._counted, sum(client.calls for client in self._clients)
        return self._counted - before

    def close(self) -> None:
        """Close the connections. A thread that hangs stays until the process ends."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for client in self._clients:
            client.close()

    def _client(self) -> "DeltaClient":
        if not hasattr(self._thread, "client"):
            self._thread.client = self._connect()
            self._clients.append(self._thread.client)
        client: DeltaClient = self._thread.client
        return client

    def _call(self, batch: Batch, started_at: datetime) -> Call[Answer]:
        return Call(
            lambda client, in_time: _fetch(client, batch, in_time),
            lambda failure: Answer(batch, started_at, {}, failure, None),
        )


@dataclass(slots=True)
class _Reading:
    """What the calls for a batch have found; a failure does not take back what came before it."""

    client: "ItemClient"
    batch: Batch
    in_time: InTime
    found: dict[int, Snapshot] = field(default_factory=dict)
    moved: Mapping[int, Moved] = field(default_factory=dict)
    codes: Mapping[int, str] = field(default_factory=dict)
    path_owner: int | None = None
    project_id: int | None = None
    default_branch: str | None = None

    def read_items(self) -> None:
        client, in_time = self.client, self.in_time
        self.batch, listed = listed_by_path(client, self.batch, _list, in_time)
        self.found |= listed
        add_details(client, self.batch, self.found, in_time)
        absences = resolve_absences(client, self.batch, self.found, in_time)
        self.found |= absences.found
        self.codes = absences.codes
        self.moved = find_moves(client, self.batch, self.found, in_time)

    def read_project(self, *, known_by_path: bool) -> None:
        client, batch, found = self.client, self.batch, self.found
        if _needs_default_branch(batch, found) and self.in_time():
            self.default_branch = client.default_branch(batch.project)
        if has_other_path(batch, found) and self.in_time():
            self.path_owner = path_owner(client, batch)
        if not found and known_by_path and self.in_time():
            self.project_id = id_of(client, batch)


def _fetch(client: "ItemClient", batch: Batch, in_time: InTime) -> Answer:
    started_at, answered_before = utcnow(), client.calls
    reading = _Reading(client, batch, in_time)
    failure: GitLabFailure | None = None
    try:
        reading.read_items()
        reading.read_project(known_by_path=isinstance(batch.project, str))
    except GitLabFailure as error:
        failure = error
        if failure.code == ErrorCode.NOT_FOUND:
            reading.path_owner = path_owner(client, reading.batch)
    iids = {item.iid for item in batch.items}
    return Answer(
        batch=reading.batch,
        started_at=started_at,
        snapshots=reading.found,
        # Asking about the project may have met a 429, which it passes over.
        failure=client.limited_by or failure,
        rate_limit=client.rate_limit,
        path_owner=reading.path_owner,
        moved=reading.moved,
        codes=reading.codes,
        unresolved=frozenset(iids - reading.found.keys() - reading.codes.keys()),
        project_id=reading.project_id,
        decodes_slashes=decodes_slashes(batch, reading.batch, failure),
        default_branch=reading.default_branch,
        calls=client.calls - answered_before,
    )


def _list(client: "ItemClient", batch: Batch) -> Fetched:
    """The list, with one immediate retry after a 401: proxies and deploys cause some too."""
    iids = [item.iid for item in batch.items]
    try:
        return client.fetch_items(batch.project, batch.type, iids)
    except GitLabFailure as failure:
        if failure.code != ErrorCode.AUTH_ERROR:
            raise
    return client.fetch_items(batch.project, batch.type, iids)


def _answer_of(begun: Future[A], call: Call[A]) -> A:
    if not begun.done():
        late = GitLabFailure(ErrorCode.NETWORK_ERROR, "GitLab's address did not resolve in time.")
        return call.failed(late)
    try:
        return begun.result()
    except Exception:
        # A bug with one answer must not block the org's other items.
        fault = call.failed(GitLabFailure("internal_error", "The answer could not be read."))
        log.exception("sync.call_failed", call=repr(fault))
        return fault


def _needs_default_branch(batch: Batch, found: Mapping[int, Snapshot]) -> bool:
    """Whether a merge went to another branch than the default one that is known, which may have
    been renamed. Webhooks name it; only fetches have to ask.
    """
    return batch.wants_default_branch and any(
        one.state is ItemState.MERGED and one.target_branch not in (UNKNOWN, batch.default_branch)
        for one in found.values()
    )
