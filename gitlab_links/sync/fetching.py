"""Asking GitLab about a batch. No database here: nothing is locked while GitLab thinks."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from threading import local
from typing import TYPE_CHECKING

from gitlab_links.clock import utcnow
from gitlab_links.gitlab.answers import GitLabFailure, RateLimit
from gitlab_links.gitlab.items import ItemType
from gitlab_links.gitlab.snapshot import Snapshot
from gitlab_links.sync.plan import Batch

if TYPE_CHECKING:
    from gitlab_links.gitlab.client import GitLabClient

PARALLEL_CALLS = 4
# The single form costs a call an item: this many a batch, the rest next time.
DETAILS_PER_BATCH = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one batch: snapshots by iid, or a failure and none.

    ``started_at`` is taken before the call: the answer is at least as new as that.
    """

    batch: Batch
    started_at: datetime
    snapshots: Mapping[int, Snapshot]
    failure: GitLabFailure | None
    rate_limit: RateLimit | None


class Fetcher:
    """Fetches batches side by side, each thread with a connection of its own."""

    def __init__(self, connect: Callable[[], "GitLabClient"]) -> None:
        self._connect = connect
        self._thread = local()
        self._clients: list[GitLabClient] = []
        self._pool = ThreadPoolExecutor(PARALLEL_CALLS)

    def fetch(self, batches: Sequence[Batch]) -> list[Answer]:
        """One answer a batch, in the same order; a failed call is an answer, too."""
        return list(self._pool.map(self._fetch, batches))

    def close(self) -> None:
        """End the threads and their connections."""
        self._pool.shutdown()
        for client in self._clients:
            client.close()

    def _client(self) -> "GitLabClient":
        if not hasattr(self._thread, "client"):
            self._thread.client = self._connect()
            self._clients.append(self._thread.client)
        client: GitLabClient = self._thread.client
        return client

    def _fetch(self, batch: Batch) -> Answer:
        started_at = utcnow()
        try:
            client = self._client()
            return Answer(batch, started_at, _snapshots(client, batch), None, client.rate_limit)
        except GitLabFailure as failure:
            last_seen = getattr(getattr(self._thread, "client", None), "rate_limit", None)
            return Answer(batch, started_at, {}, failure, last_seen)


def _snapshots(client: "GitLabClient", batch: Batch) -> dict[int, Snapshot]:
    iids = [item.iid for item in batch.items]
    found = dict(client.fetch_items(batch.project, batch.type, iids).items)
    if batch.type is ItemType.MERGE_REQUEST:
        wanted = [item.iid for item in batch.items if item.wants_detail and item.iid in found]
        for iid in wanted[:DETAILS_PER_BATCH]:
            # Only the single form tells of the pipeline, only the list form of label colours.
            detail = client.fetch_item(batch.project, batch.type, iid)
            found[iid] = replace(found[iid], pipeline_status=detail.pipeline_status)
    return found
