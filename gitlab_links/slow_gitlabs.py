"""Which orgs' GitLabs are slow: their jobs wait on a queue of their own, and hold up nobody else's.

Kept in Redis, shared by all workers. While that is away no GitLab counts as slow.
"""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from redis.exceptions import RedisError

from gitlab_links.extensions import redis

QUEUE = "slow_fetches"
# A worker waits no longer than this for a GitLab that is well.
SLOW_SECONDS = 2.5
QUICK_SECONDS = 1.0
# What an org may hold workers for, in a minute, before the others go first.
BUDGET_SECONDS = 20.0
# Longer than open items are left alone by default: a slow GitLab must not be met anew each time.
REMEMBERED_SECONDS = 3600

log = structlog.get_logger(__name__)


@contextmanager
def measured(org_id: uuid.UUID) -> Iterator[None]:
    """Charge the time that a worker waits for an org's GitLab to the org."""
    began = time.monotonic()
    try:
        yield
    finally:
        charge(org_id, time.monotonic() - began)


def charge(org_id: uuid.UUID, seconds: float) -> None:
    """Note how long a worker waited. One slow answer, or a minute's budget, makes it slow;
    a quick one within the budget ends that.
    """
    minute = f"gitlab_links:waited:{org_id}:{int(time.time() // 60)}"
    try:
        pipeline = redis().pipeline()
        pipeline.incrbyfloat(minute, round(seconds, 3))
        pipeline.expire(minute, 120)
        spent, _ = pipeline.execute()
        if seconds > SLOW_SECONDS or float(spent) > BUDGET_SECONDS:
            redis().set(_flag(org_id), "1", ex=REMEMBERED_SECONDS)
            log.info("gitlab.slow", org_id=str(org_id), seconds=round(seconds, 1))
        elif seconds < QUICK_SECONDS:
            redis().delete(_flag(org_id))
    except RedisError as error:
        log.warning("gitlab.time_not_noted", org_id=str(org_id), error=str(error))


def is_slow(org_id: uuid.UUID) -> bool:
    """Whether the org's GitLab was slow when it last answered, within the last hour."""
    try:
        return bool(redis().exists(_flag(org_id)))
    except RedisError:
        return False


def _flag(org_id: uuid.UUID) -> str:
    return f"gitlab_links:slow:{org_id}"
