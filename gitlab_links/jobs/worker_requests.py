"""How the process that runs alone while nothing happens requests the other workers."""

import multiprocessing
import time
from collections.abc import Set

from rq import Queue

from gitlab_links.extensions import redis
from gitlab_links.job_triggers import JobKind, queue_names

# A worker that is at jobs for longer than this is busy: others are started for what waits.
BUSY_SECONDS = 0.1
# Between two jobs the worker is not idle.
BETWEEN_JOBS_SECONDS = 0.05
# After a job, as it may have enqueued others.
AFTER_JOB_SECONDS = 0.3
# For so long a request holds. The parent reads it more often.
REQUEST_SECONDS = 1.0
# Others are started for one that is at a job for so long, even if nothing is known to wait.
STUCK_SECONDS = 5.0


class WorkerRequests:
    """Shared by the process that runs alone, and the parent that starts the others.

    Created before forking. A worker that dies at a job is stuck, until its successor begins.
    """

    def __init__(self) -> None:
        shared = multiprocessing.get_context("fork")
        self._busy_since = shared.RawValue("d", 0.0)
        self._ended_at = shared.RawValue("d", 0.0)
        self._requested_at = shared.RawValue("d", 0.0)
        self._sender_requested_at = shared.RawValue("d", 0.0)

    def reset(self) -> None:
        """Note that the worker has just started."""
        self._busy_since.value = self._ended_at.value = 0.0

    def begin(self) -> None:
        """Note that the worker begins a job."""
        now = time.monotonic()
        if now - self._ended_at.value > BETWEEN_JOBS_SECONDS:
            self._busy_since.value = now
        self._ended_at.value = 0.0

    def end(self) -> None:
        """Note that the worker has ended its job."""
        self._ended_at.value = time.monotonic()

    def is_awake(self) -> bool:
        """Whether the worker is at a job, or was just now."""
        recent = time.monotonic() - self._ended_at.value < AFTER_JOB_SECONDS
        return recent or self._busy_seconds() > 0.0

    def request_for(self, waiting: Set[str]) -> None:
        """Request those who can take what waits in these queues, if the worker does not."""
        now = time.monotonic()
        if JobKind.SEND.queue in waiting:
            self._sender_requested_at.value = now
        if waiting - {JobKind.SEND.queue} and self._busy_seconds() > BUSY_SECONDS:
            self._requested_at.value = now

    def are_others_requested(self) -> bool:
        """Whether all others are to start."""
        since_request: float = time.monotonic() - self._requested_at.value
        return since_request < REQUEST_SECONDS or self._busy_seconds() > STUCK_SECONDS

    def is_sender_requested(self) -> bool:
        """Whether the sender is to start."""
        since_request: float = time.monotonic() - self._sender_requested_at.value
        return since_request < REQUEST_SECONDS

    def _busy_seconds(self) -> float:
        at_job = self._busy_since.value and not self._ended_at.value
        return float(time.monotonic() - self._busy_since.value) if at_job else 0.0


def waiting_queues() -> Set[str]:
    """The queues that have jobs of orgs. Scheduled ones may wait: nobody waits for them.

    Raises :class:`redis.exceptions.RedisError`.
    """
    names = queue_names()
    pipeline = redis().pipeline(transaction=False)
    for name in names:
        pipeline.llen(f"{Queue.redis_queue_namespace_prefix}{name}")
    return {name for name, jobs in zip(names, pipeline.execute(), strict=True) if jobs}
