"""What a worker process of ours does otherwise than RQ's, and how processes end together."""

import ctypes
import os
import signal
import sys
import time
from contextlib import suppress
from typing import Any, Self

import structlog
from redis.exceptions import ResponseError
from rq import Queue, SimpleWorker
from rq.exceptions import DeserializationError
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import WorkerStatus
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from gitlab_links.extensions import database_breaker, db
from gitlab_links.jobs.allowed import AllowedJob
from gitlab_links.jobs.redis_trouble import RedisTrouble
from gitlab_links.storage.circuit_breaker import ASK_AGAIN_SECONDS
from gitlab_links.storage.redis_pool import connect_blocking_redis

WORKER_TTL_SECONDS = 25
MAINTENANCE_SECONDS = 10
# Redis holds an idle worker's question for so long; what is not answered by then and some
# seconds more is not going to be, and the worker asks anew.
DEQUEUE_SECONDS = 5
SILENCE_SECONDS = DEQUEUE_SECONDS + 3
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 4.0
PR_SET_PDEATHSIG = 1
# Web processes of the same machine go first: what is not accepted in time is lost, as GitLab
# does not send it again, and what waits is merely late.
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
    """Runs allowed jobs only, in its own process, and is back soon after Redis is.

    A process per job, as RQ has it, would start each with cold statements and without a
    connection. What a fork isolates is isolated by the pool: a worker that crashes is
    replaced, and what it held is taken up again when its lease has run out.
    """

    # RQ doubles its wait up to a minute; rings must be heard seconds after Redis is back.
    max_connection_wait_time = 2.0
    trouble: RedisTrouble

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
        self, *arguments: Any, **options: Any
    ) -> tuple[Job, Queue] | None:
        """Take no job while the database is away: a worker that fails at once would take
        everything from those on hosts that still reach it. Wait for a Redis that takes no
        writes, as one whose memory is full, without leaving the process.
        """
        backoff = Backoff()
        while True:
            self._wait_for_database()
            try:
                return super().dequeue_job_and_maintain_ttl(*arguments, **options)
            except ResponseError as refusal:
                self.trouble.meet(refusal)
                with suppress(ResponseError):
                    self.set_state(WorkerStatus.IDLE)  # so that SIGTERM ends it at once
                backoff.wait()

    def _wait_for_database(self) -> None:
        with AllowedJob.app.app_context():
            while not database_answers():
                with suppress(ResponseError):
                    self.set_state(WorkerStatus.IDLE)
                self.heartbeat()
                time.sleep(ASK_AGAIN_SECONDS)

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Say that it lives; enter the register of workers again if Redis has forgotten it, or
        dashboards, metrics and ``flask doctor`` would see nobody at work.

        A Redis that takes no writes is no reason to stop.
        """
        if pipeline is not None:
            super().heartbeat(timeout, pipeline)
            return
        with suppress(ResponseError):
            if not self.connection.sismember(self.redis_workers_keys, self.key):
                self.connection.delete(self.key)
                self.register_birth()  # type: ignore[no-untyped-call]
            super().heartbeat(timeout)

    def run_maintenance_tasks(self) -> None:
        """What a Redis that takes no writes refuses is done the next time."""
        with suppress(ResponseError):
            super().run_maintenance_tasks()  # type: ignore[no-untyped-call]

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Whatever is logged meanwhile, by RQ of a failure too, tells the job and its org.

        Where Redis does not take what became of the job, the job is done all the same, or its
        lease runs out.
        """
        with structlog.contextvars.bound_contextvars(**_named(job)), suppress(ResponseError):
            super().execute_job(job, queue)

    def work(self, *arguments: Any, **options: Any) -> bool:
        """Run jobs until told to stop, behind whatever answers requests."""
        # Some sandboxes forbid it, and then it is theirs to say who goes first.
        with suppress(PermissionError):
            os.nice(NICENESS)
        return super().work(*arguments, **options)


def _named(job: Job) -> dict[str, str]:
    """By its id and, where it is about an org, by the org's: its only argument."""
    names = {"job_id": job.id}
    with suppress(DeserializationError):  # of a planted one, which is about to be refused
        names |= {"org_id": str(job.args[0])} if job.args else {}
    return names


def database_answers() -> bool:
    """Whether it does; costs nothing unless it has just been found not to."""
    if not database_breaker().lost:
        return True
    try:
        with db.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
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
