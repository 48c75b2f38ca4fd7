"""Ringing the workers: the database holds the work, Redis only says that there is some.

A ring that gets lost costs seconds, never work: the sweeper rings again for whatever is
due. A flag per kind and org keeps a burst from queueing a job per event.
"""

import uuid
from enum import Enum
from typing import Any

import structlog
from redis.exceptions import RedisError
from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction, scoped_session

from gitlab_links.extensions import redis
from gitlab_links.slow_gitlabs import QUEUE as SLOW_QUEUE
from gitlab_links.slow_gitlabs import is_slow

FLAG_SECONDS = 3
# Shorter still, as one that dies at work keeps its org waiting for so long. One that takes longer
# over a batch has another queued behind it, which finds everything claimed.
RUNNING_SECONDS = 2
# One on the queue of slow GitLabs may wait for its turn. Rung for meanwhile, it is queued once.
SLOW_FLAG_SECONDS = 60
# Whoever looks at a page rings with each look; GitLab is asked anew this often at most.
CHECK_SECONDS = 40
# Longer than any slice of work takes, shorter than the leases: a job that overruns is ended
# before another may take over what it holds.
JOB_TIMEOUT_SECONDS = 25
FAILED_JOB_SECONDS = 3600

log = structlog.get_logger(__name__)


class JobKind(Enum):
    """A job that can be rung for one org: its queue, its dotted name, and for how many
    seconds further rings are quiet unless the job lets them through.

    A job that asks GitLab waits on a queue of its own where the org's GitLab is slow.
    """

    DRAIN = ("deliveries", "gitlab_links.jobs.functions.drain")
    SYNC = ("fetches", "gitlab_links.jobs.functions.sync")
    RUN_CHECKS = ("fetches", "gitlab_links.jobs.functions.run_checks")
    OPERATE = ("fetches", "gitlab_links.jobs.functions.operate")
    REQUEST_CHECK = ("fetches", "gitlab_links.jobs.functions.request_check", CHECK_SECONDS)

    def __init__(self, queue: str, job: str, quiet_seconds: int = FLAG_SECONDS) -> None:
        self.queue = queue
        self.job = job
        self.quiet_seconds = quiet_seconds

    @property
    def asks_gitlab(self) -> bool:
        """Whether the job takes as long as the org's GitLab."""
        return self in {JobKind.SYNC, JobKind.RUN_CHECKS, JobKind.OPERATE}

    def queue_of(self, org_id: uuid.UUID) -> str:
        """Where the org's job waits."""
        return SLOW_QUEUE if self.asks_gitlab and is_slow(org_id) else self.queue

    def flag(self, org_id: uuid.UUID) -> str:
        """The Redis key that says a job is queued or busy for the org."""
        return f"gitlab_links:trigger:{self.name.lower()}:{org_id}"


def queue_names() -> list[str]:
    """Every queue that orgs' jobs wait on."""
    return list(dict.fromkeys([*(kind.queue for kind in JobKind), SLOW_QUEUE]))


def trigger(kind: JobKind, org_id: uuid.UUID) -> bool:
    """Have a worker look at the org; False where Redis did not take it. Never raises.

    One round trip while a job is already queued or busy. Call it after the commit that
    made the work visible, or use :func:`trigger_after_commit`.
    """
    try:
        if redis().set(kind.flag(org_id), "1", nx=True, ex=kind.quiet_seconds):
            _enqueue_for(kind, org_id, kind.queue_of(org_id))
    except RedisError as error:
        log.warning("trigger.not_sent", kind=kind.name, org_id=str(org_id), error=str(error))
        return False
    return True


def _enqueue_for(kind: JobKind, org_id: uuid.UUID, queue: str) -> None:
    if queue == SLOW_QUEUE:
        redis().set(kind.flag(org_id), SLOW_QUEUE, ex=SLOW_FLAG_SECONDS)
    enqueue(queue, kind.job, str(org_id))


def moved_to_slow(job: str, queue: str, org_id: uuid.UUID) -> bool:
    """Move a job that was queued before the org's GitLab was found to be slow to the queue of
    slow ones, unless it has one there; says whether it is moved. Never raises.
    """
    kind = next((kind for kind in JobKind if kind.job == job), None)
    if kind is None or queue == SLOW_QUEUE or kind.queue_of(org_id) != SLOW_QUEUE:
        return False
    try:
        if redis().get(kind.flag(org_id)) != SLOW_QUEUE.encode():
            _enqueue_for(kind, org_id, SLOW_QUEUE)
    except RedisError as error:
        log.warning("trigger.not_sent", kind=kind.name, org_id=str(org_id), error=str(error))
        return False
    return True


def suppress_triggers(kind: JobKind, org_id: uuid.UUID) -> None:
    """Keep further rings quiet for the next batch of a job that is at work for the org."""
    _quietly(lambda: redis().set(kind.flag(org_id), "1", ex=RUNNING_SECONDS))


def allow_triggers(kind: JobKind, org_id: uuid.UUID) -> None:
    """Let rings through again. Look once more for work afterwards: some may have come."""
    _quietly(lambda: redis().delete(kind.flag(org_id)))


def _quietly(command: Any) -> None:
    try:
        command()
    except RedisError as error:
        log.warning("trigger.not_sent", error=str(error))


def enqueue(queue: str, job: str, *arguments: str, **options: Any) -> None:
    """Queue a job by its dotted name; arguments are ids as text, nothing else."""
    from rq import Queue
    from rq.serializers import JSONSerializer

    defaults = {
        "job_timeout": JOB_TIMEOUT_SECONDS,
        "result_ttl": 0,
        "failure_ttl": FAILED_JOB_SECONDS,
    }
    Queue(queue, connection=redis(), serializer=JSONSerializer).enqueue(
        job, *arguments, **defaults | options
    )


def trigger_after_commit(
    session: Session | scoped_session[Any], kind: JobKind, org_id: uuid.UUID
) -> None:
    """Ring once the transaction of ``session`` is committed; a rollback forgets it."""
    session.info.setdefault(_PENDING, {})[kind, org_id] = None


_PENDING = "triggers_after_commit"


@event.listens_for(Session, "after_commit")
def _send_pending(session: Session) -> None:
    if session.in_nested_transaction():
        return  # a savepoint: nobody else sees the work yet
    for kind, org_id in session.info.pop(_PENDING, {}):
        trigger(kind, org_id)


@event.listens_for(Session, "after_soft_rollback")
def _forget_pending(session: Session, ended: SessionTransaction) -> None:
    if not ended.nested:
        session.info.pop(_PENDING, None)
