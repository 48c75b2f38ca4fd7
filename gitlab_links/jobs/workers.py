"""What a worker process of ours does otherwise than RQ's, and how processes end together."""

import ctypes
import os
import signal
import sys
from collections.abc import Container
from contextlib import suppress
from typing import Any, Self

from redis import Redis
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from gitlab_links.jobs.allowed import AllowedJob

WORKER_TTL_SECONDS = 25
MAINTENANCE_SECONDS = 10
PR_SET_PDEATHSIG = 1
# Web processes of the same machine go first: what is not accepted in time is lost, as GitLab
# does not send it again, and what waits is merely late.
NICENESS = 3


class CrewWorker(SimpleWorker):
    """Runs allowed jobs only, in its own process, and is back soon after Redis is.

    A process per job, as RQ has it, would start each with cold statements and without a
    connection. What a fork isolates is isolated by the crew: a worker that crashes is
    replaced, and what it held is taken up again when its lease has run out.
    """

    # RQ doubles its wait up to a minute; rings must be heard seconds after Redis is back.
    max_connection_wait_time = 2.0

    @classmethod
    def of(cls, redis_url: str, queue_names: list[str]) -> Self:
        """A worker with a connection of its own, whose reads may block."""
        return cls(
            queue_names,
            connection=Redis.from_url(redis_url),
            serializer=JSONSerializer,
            job_class=AllowedJob,
            worker_ttl=WORKER_TTL_SECONDS,
            maintenance_interval=MAINTENANCE_SECONDS,
        )

    def work(self, *arguments: Any, **options: Any) -> bool:
        """Run jobs until told to stop, behind whatever answers requests."""
        # Some sandboxes forbid it, and then it is theirs to say who goes first.
        with suppress(PermissionError):
            os.nice(NICENESS)
        return super().work(*arguments, **options)


def die_with_parent(parent: int, number: signal.Signals) -> bool:
    """Have the kernel send ``number`` when the parent dies; False if it has died already.

    Linux only; elsewhere a job that lost its worker runs to its end.
    """
    if sys.platform != "linux":
        return True
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
    return os.getppid() == parent


def reap_strangers(ours: Container[int | None]) -> None:
    """Collect dead processes that are not ``ours``: as the first process of a container
    this one inherits those whose parent died.
    """
    while True:
        try:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if found is None or found.si_pid in ours:
            return
        os.waitpid(found.si_pid, 0)
