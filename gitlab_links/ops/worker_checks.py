"""Checks of Redis, workers, the schedule, and the backlog."""

import time
from collections.abc import Iterator

from redis.exceptions import RedisError, ResponseError

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db, redis, settings
from gitlab_links.job_triggers import JobKind, queue_names
from gitlab_links.ops import metric_sources
from gitlab_links.ops.check_results import Finding, failure, ok, warning
from gitlab_links.plurals import counted
from gitlab_links.storage.redis_pool import refusal_of_writes

LATE_SECONDS = 60.0
_START_A_WORKER = "Start worker.py. If it runs already, check its log."
_FIRST_REDIS = "First repair Redis, as above: running workers continue without a restart."


def check_redis() -> Iterator[Finding]:
    """Whether Redis answers, takes writes, and evicts nothing."""
    try:
        refusal = refusal_of_writes(redis())
    except RedisError as error:
        yield failure(
            "redis",
            f"no answer ({error}). Webhooks are stored and wait until it is back.",
            "Check REDIS_URL, and that the server runs and accepts this machine.",
        )
        return
    if refusal is not None:
        yield failure(
            "redis",
            f"takes no writes ({refusal}). Webhooks are stored and wait until it does.",
            "Give it more memory (maxmemory) if that is full, or check its disk.",
        )
        return
    try:
        policy = str(_text(redis().config_get("maxmemory-policy").get("maxmemory-policy")))
    except ResponseError:
        yield ok("redis", "answers; its configuration cannot be read")
        return
    if policy != "noeviction":
        yield warning(
            "redis",
            f"maxmemory-policy is {policy}: when memory is short, jobs and limits are lost.",
            "Set maxmemory-policy noeviction.",
        )
    else:
        yield ok("redis", "answers, evicts nothing")


def check_workers(*, redis_works: bool = True) -> Iterator[Finding]:
    """Whether every queue has a worker, and the schedule ticks.

    While Redis takes no writes, running workers cannot be seen.
    """
    from rq import Worker
    from rq.serializers import JSONSerializer

    from gitlab_links.job_triggers import SCHEDULE_QUEUE as QUEUE
    from gitlab_links.jobs.slots import has_ticked

    try:
        workers = Worker.all(connection=redis(), serializer=JSONSerializer)
        ticking = has_ticked(time.time())
    except RedisError:
        return
    advice = _START_A_WORKER if redis_works else _FIRST_REDIS
    served = {name for worker in workers for name in worker.queue_names()}
    # A sender is started when there is something to send; the backlog shows if it is not.
    started_later = {JobKind.SEND.queue} if settings().workers_rest_after else set()
    missing = sorted({QUEUE, *queue_names()} - served - started_later)
    if missing:
        message = f"no worker serves the queues: {', '.join(missing)}."
        yield failure("workers", message, advice)
    else:
        yield ok(
            "workers", f"{counted(len(workers), 'worker serves', 'workers serve')} every queue"
        )
    if ticking:
        yield ok("schedule", "ticks")
    else:
        yield failure("schedule", "has not ticked for several seconds.", advice)


def check_backlog() -> Iterator[Finding]:
    """Whether due work is done in time."""
    now = utcnow()
    for what, backlog in (
        ("deliveries", metric_sources.delivery_backlog(now)),
        ("items", metric_sources.item_backlog(now)),
        ("events to send", metric_sources.outgoing_backlog(now)),
    ):
        if backlog.late_seconds > LATE_SECONDS:
            yield warning(
                what,
                f"{backlog.count:,} wait, the oldest for {backlog.late_seconds:.0f} s.",
                "Check that workers run. If they are busy, start more: docs/scale.md.",
            )
        else:
            yield ok(what, f"{backlog.count:,} wait, none for long")
    db.session.rollback()


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
