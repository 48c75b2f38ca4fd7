"""The RQ worker with our changes, and ending a process with its parent."""

import ctypes
import math
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self

import structlog
from redis.exceptions import ResponseError
from rq import Queue, SimpleWorker
from rq.exceptions import DeserializationError
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import WorkerStatus
from sqlalchemy.exc import DBAPIError

from gitlab_links.extensions import database_breaker, db
from gitlab_links.job_triggers import SCHEDULE_QUEUE
from gitlab_links.jobs.allowed_jobs import AllowedJob
from gitlab_links.jobs.redis_trouble import RedisTrouble
from gitlab_links.jobs.worker_requests import WorkerRequests
from gitlab_links.storage.circuit_breaker import ASK_AGAIN_SECONDS
from gitlab_links.storage.database import require_writable
from gitlab_links.storage.redis_pool import connect_blocking_redis

WORKER_TTL_SECONDS = 25
MAINTENANCE_SECONDS = 30
HEARTBEAT_SECONDS = 3.0
# An idle worker's read blocks in Redis for so long. Without an answer some seconds later, the
# connection is lost and the worker connects again.
DEQUEUE_SECONDS = 5
SILENCE_SECONDS = DEQUEUE_SECONDS + 3
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 4.0
PR_SET_PDEATHSIG = 1
# Web processes on the same machine go first: GitLab does not resend a webhook that is not
# accepted in time, and jobs can wait.
NICENESS = 3


class Backoff:
    """Pauses that double, from half a second up to ``longest`` seconds."""

    def __init__(self, longest: float = LONGEST_PAUSE_SECONDS) -> None:
        self._longest = longest
        self._next = SHORTEST_PAUSE_SECONDS

    def wait(self) -> None:
        """Sleep for the next pause."""
        time.sleep(self._next)
        self._next = min(self._next * 2, self._longest)


class PoolWorker(SimpleWorker):
    """Runs allowed jobs only, in its own process, and reconnects soon after Redis is back.

    RQ's process per job would start each job with cold statements and no connection. The pool
    isolates instead: it replaces a worker that crashes, and the work is claimed again when its
    lease has run out.

    With ``worker_requests`` it says when it is busy for long. With ``rests_after`` it ends after
    so many seconds without any but scheduled jobs.
    """

    # RQ doubles its wait up to a minute; jobs must run seconds after Redis is back.
    max_connection_wait_time = 2.0
    trouble: RedisTrouble
    worker_requests: WorkerRequests | None = None
    rests_after = 0
    _heartbeat_due = 0.0
    _worked_at = 0.0

    @classmethod
    def of(cls, redis_url: str, queue_names: list[str], trouble: RedisTrouble) -> Self:
        """A worker with a connection of its own, whose reads may block."""
        worker = cls(
            queue_names,
            connection=connect_blocking_redis(redis_url),
            serializer=JSONSerializer,
            job_class=AllowedJob,
            worker_ttl=WORKER_TTL_SECONDS,
            maintenance_interval=MAINTENANCE_SECONDS,
        )
        worker.trouble = trouble
        return worker

    @property
    def dequeue_timeout(self) -> int:
        """How long a read blocks while there is nothing to do."""
        return DEQUEUE_SECONDS

    @property
    def connection_timeout(self) -> int:
        """How long any read may last."""
        return SILENCE_SECONDS

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """Take no job while the database is unavailable: a worker that fails at once would take
        all jobs from hosts that still reach it. Wait, in this process, while Redis takes no
        writes, for example because its memory is full. None ends the worker: it rests.
        """
        backoff = Backoff()
        while True:
            self._wait_for_database()
            if self.rests_after:
                max_idle_time = self._seconds_until_rest()
                if max_idle_time <= 0:
                    return None
            try:
                return super().dequeue_job_and_maintain_ttl(timeout, max_idle_time)
            except ResponseError as refusal:
                self.trouble.meet(refusal)
                with suppress(ResponseError):
                    self.set_state(WorkerStatus.IDLE)  # so that SIGTERM ends it at once
                backoff.wait()

    def _seconds_until_rest(self) -> int:
        """Scheduled jobs reach all workers in turn, and would keep each of them from resting."""
        now = time.monotonic()
        self._worked_at = self._worked_at or now
        return math.ceil(self._worked_at + self.rests_after - now)

    def _wait_for_database(self) -> None:
        with AllowedJob.app.app_context():
            while not database_answers():
                with suppress(ResponseError):
                    self.set_state(WorkerStatus.IDLE)
                self.heartbeat()
                time.sleep(ASK_AGAIN_SECONDS)

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Send a heartbeat, and register again if Redis has lost the worker.

        RQ sends three for each job, besides those that it sends with something else; one every
        few seconds will do. Continues if Redis takes no writes.
        """
        if pipeline is not None:
            super().heartbeat(timeout, pipeline)
            return
        if timeout is None and time.monotonic() < self._heartbeat_due:
            return
        self._heartbeat_due = time.monotonic() + HEARTBEAT_SECONDS
        self._register_if_lost()
        with suppress(ResponseError):
            super().heartbeat(timeout)

    def _register_if_lost(self) -> None:
        """Redis may have been flushed. Dashboards, metrics and ``flask doctor`` read the register
        of workers, and so does whoever asks whether an operation is still being worked on.
        """
        with suppress(ResponseError):
            if not self.connection.sismember(self.redis_workers_keys, self.key):
                self.connection.delete(self.key)
                self.register_birth()  # type: ignore[no-untyped-call]

    def run_maintenance_tasks(self) -> None:
        """If Redis takes no writes, the tasks wait for the next time."""
        with suppress(ResponseError):
            super().run_maintenance_tasks()  # type: ignore[no-untyped-call]

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run the job with its id and org in every log line, those of RQ included, and the worker
        in the register from its beginning.

        If Redis does not take the job's outcome, the work is done all the same, or its lease
        runs out.
        """
        self._register_if_lost()
        with (
            self._counted(queue.name),
            structlog.contextvars.bound_contextvars(**_named(job)),
            suppress(ResponseError),
        ):
            super().execute_job(job, queue)

    @contextmanager
    def _counted(self, queue: str) -> Iterator[None]:
        if self.worker_requests is not None:
            self.worker_requests.begin()
        try:
            yield
        finally:
            if self.worker_requests is not None:
                self.worker_requests.end()
            if queue != SCHEDULE_QUEUE:
                self._worked_at = time.monotonic()

    def work(self, *arguments: Any, **options: Any) -> bool:
        """Run jobs until SIGTERM, with a lower priority than web processes."""
        # Some sandboxes forbid it, and set priorities themselves.
        with suppress(PermissionError):
            os.nice(NICENESS)
        return super().work(*arguments, **options)


def _named(job: Job) -> dict[str, str]:
    """The job's id, and the org's if the job has one: it is the only argument."""
    names = {"job_id": job.id}
    with suppress(DeserializationError):  # a planted job, which is refused next
        names |= {"org_id": str(job.args[0])} if job.args else {}
    return names


def database_answers() -> bool:
    """Whether the database answers and takes writes; free unless a query has just failed."""
    if not database_breaker().lost:
        return True
    try:
        with db.engine.connect() as connection:
            require_writable(connection)
    except DBAPIError:
        return False
    database_breaker().found()
    return True


def die_with_parent(parent: int, number: signal.Signals) -> bool:
    """Have the kernel send ``number`` when the parent dies; False if it has died already.

    Linux only; elsewhere a job that lost its worker runs to its end.
    """
    if sys.platform != "linux":
        return True
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
    return os.getppid() == parent
