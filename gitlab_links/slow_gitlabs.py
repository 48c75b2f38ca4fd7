"""Find slow GitLabs. Jobs of their orgs wait on a separate queue and do not delay other orgs.

Stored in Redis for all workers. While Redis is away, no GitLab counts as slow.
"""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from redis.exceptions import RedisError

from gitlab_links.extensions import redis

QUEUE = "slow_fetches"
# A GitLab that answers later than this is slow.
SLOW_SECONDS = 2.5
QUICK_SECONDS = 1.0
# The time per minute that workers may wait for an org's GitLab before it counts as slow.
BUDGET_SECONDS = 20.0
# Longer than the default TTL, so that a slow GitLab is not forgotten between two fetches.
REMEMBERED_SECONDS = 3600

log = structlog.get_logger(__name__)


@contextmanager
def measured(org_id: uuid.UUID) -> Iterator[None]:
    """Measure the time in the block and charge it to the org."""
    began = time.monotonic()
    try:
        yield
    finally:
        charge(org_id, time.monotonic() - began)


def charge(org_id: uuid.UUID, seconds: float) -> None:
    """Record how long a worker waited for the org's GitLab. One slow answer, or a used-up budget,
    makes the GitLab slow. A quick answer within the budget ends that.
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
    """Whether the org's GitLab counts as slow, for at most an hour after it was."""
    try:
        return bool(redis().exists(_flag(org_id)))
    except RedisError:
        return False


def _flag(org_id: uuid.UUID) -> str:
    return f"gitlab_links:slow:{org_id}"
