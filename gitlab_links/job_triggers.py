"""Trigger jobs of workers. The database has the work; Redis only has the queued jobs.

A lost trigger costs seconds and no work: the sweep triggers a job for everything that is due. A
flag per kind and org prevents a job per event in a burst.
"""

import time
import uuid
from contextlib import suppress
from enum import Enum
from typing import Any

import structlog
from redis.exceptions import RedisError
from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction, scoped_session

from gitlab_links.extensions import redis
from gitlab_links.slow_gitlabs import QUEUE as SLOW_QUEUE
from gitlab_links.slow_gitlabs import is_slow

# A queue of its own, before all others: a sweep must not wait behind the jobs it triggers.
SCHEDULE_QUEUE = "schedule"
MAILS_JOB = "gitlab_links.jobs.functions.send_mails"
MAIL_SECONDS = 3
FLAG_SECONDS = 3
# For events: after a worker has died, the next one is to be sent within two seconds.
SHORT_FLAG_SECONDS = 1
# Shorter, because an org waits this long after its job dies. If a batch takes longer, another job
# is queued after it, which finds everything claimed.
RUNNING_SECONDS = 2
# A job may wait this long on the queue of slow GitLabs without another one being queued.
SLOW_FLAG_SECONDS = 60
# Every view of a page triggers a check; GitLab is called this often at most.
CHECK_SECONDS = 40
# Longer than any slice of work, shorter than the leases: a job that takes too long is stopped
# before its leases expire.
JOB_TIMEOUT_SECONDS = 25
SENDING_TIMEOUT_SECONDS = 45
FAILED_JOB_SECONDS = 3600

log = structlog.get_logger(__name__)


class JobKind(Enum):
    """A job that can be triggered for one org: its queue, its dotted name, and for how many
    seconds further triggers are ignored unless the job allows them.

    If the org's GitLab is slow, a job that calls GitLab waits on a separate queue.
    """

    DRAIN = ("deliveries", "gitlab_links.jobs.functions.drain")
    APPLY_RULES = ("deliveries", "gitlab_links.jobs.functions.apply_rules")
    LINK_PENDING = ("deliveries", "gitlab_links.jobs.functions.link_pending")
    PUBLISH = ("deliveries", "gitlab_links.jobs.functions.publish_events", SHORT_FLAG_SECONDS)
    SEND = ("outgoing", "gitlab_links.jobs.functions.send_events", SHORT_FLAG_SECONDS)
    SYNC = ("fetches", "gitlab_links.jobs.functions.sync")
    RUN_CHECKS = ("fetches", "gitlab_links.jobs.functions.run_checks")
    OPERATE = ("fetches", "gitlab_links.jobs.functions.operate")
    BACKFILL = ("fetches", "gitlab_links.jobs.functions.backfill")
    COUNT_OVERVIEW = ("fetches", "gitlab_links.jobs.functions.count_overview")
    REQUEST_CHECK = ("fetches", "gitlab_links.jobs.functions.request_check", CHECK_SECONDS)

    def __init__(self, queue: str, job: str, quiet_seconds: int = FLAG_SECONDS) -> None:
        self.queue = queue
        self.job = job
        self.quiet_seconds = quiet_seconds

    @property
    def asks_gitlab(self) -> bool:
        """Whether the job calls GitLab, so that its time depends on the org's GitLab."""
        return self in {JobKind.SYNC, JobKind.RUN_CHECKS, JobKind.OPERATE, JobKind.BACKFILL}

    @property
    def timeout(self) -> int:
        """After how many seconds the job is stopped. One that sends to endpoints renews its
        leases, and may therefore take longer.
        """
        return SENDING_TIMEOUT_SECONDS if self is JobKind.SEND else JOB_TIMEOUT_SECONDS

    def queue_of(self, org_id: uuid.UUID) -> str:
        """The queue for the org's job."""
        return SLOW_QUEUE if self.asks_gitlab and is_slow(org_id) else self.queue

    def flag(self, org_id: uuid.UUID) -> str:
        """The Redis key that marks a queued or running job of the org."""
        return f"gitlab_links:trigger:{self.name.lower()}:{org_id}"


def queue_names() -> list[str]:
    """Every queue with jobs of orgs."""
    return list(dict.fromkeys([*(kind.queue for kind in JobKind), SLOW_QUEUE]))


def trigger(kind: JobKind, org_id: uuid.UUID) -> bool:
    """Enqueue a job for the org, unless one is queued or running. Never raises; False if Redis
    failed.

    One round trip while a job is queued or running. Call it after the commit of the work, or
    use :func:`trigger_after_commit`.
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
    enqueue(queue, kind.job, str(org_id), job_timeout=kind.timeout)


def moved_to_slow(job: str, queue: str, org_id: uuid.UUID) -> bool:
    """Move a job to the queue of slow GitLabs, if the org's GitLab became slow after the job was
    queued. A second such job is dropped. Returns whether the job was moved or dropped. Never
    raises.
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
    """Ignore further triggers during the next batch of the org's running job."""
    seconds = min(RUNNING_SECONDS, kind.quiet_seconds)
    _quietly(lambda: redis().set(kind.flag(org_id), "1", ex=seconds))


def allow_triggers(kind: JobKind, org_id: uuid.UUID) -> None:
    """Allow triggers again. Check for work again afterwards: a trigger may have been ignored."""
    _quietly(lambda: redis().delete(kind.flag(org_id)))


def _quietly(command: Any) -> None:
    try:
        command()
    except RedisError as error:
        log.warning("trigger.not_sent", error=str(error))


def enqueue(queue: str, job: str, *arguments: str, **options: Any) -> None:
    """Queue a job by its dotted name. The only arguments are ids as text."""
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


def trigger_mails() -> None:
    """Enqueue the job that sends mails to people, once in a few seconds. Never raises."""
    name = f"mails-{int(time.time() // MAIL_SECONDS)}"
    _quietly(lambda: enqueue_once(SCHEDULE_QUEUE, MAILS_JOB, name, MAIL_SECONDS * 3))


def enqueue_once(queue: str, job: str, name: str, seconds: int) -> None:
    """Queue a job unless there is, or was within so many seconds, one with that name."""
    from rq.exceptions import DuplicateJobError

    with suppress(DuplicateJobError):
        enqueue(
            queue,
            job,
            job_id=name,
            unique=True,
            ttl=seconds,
            result_ttl=seconds,
            failure_ttl=seconds,
        )


def trigger_after_commit(
    session: Session | scoped_session[Any], kind: JobKind, org_id: uuid.UUID
) -> None:
    """Trigger a job after the commit of ``session``'s transaction; not after a rollback."""
    session.info.setdefault(_PENDING, {})[kind, org_id] = None


_PENDING = "triggers_after_commit"


@event.listens_for(Session, "after_commit")
def _send_pending(session: Session) -> None:
    if session.in_nested_transaction():
        return  # a savepoint: no other process can see the work yet
    for kind, org_id in session.info.pop(_PENDING, {}):
        trigger(kind, org_id)


@event.listens_for(Session, "after_soft_rollback")
def _forget_pending(session: Session, ended: SessionTransaction) -> None:
    if not ended.nested:
        session.info.pop(_PENDING, None)
