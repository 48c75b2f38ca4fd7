"""Counting uses in fixed windows, in Redis, or in the process's memory while it is unavailable."""

import math
import time
from dataclasses import dataclass, field

import structlog
from flask import current_app
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage

from gitlab_links.clock import utcnow
from gitlab_links.extensions import built_once, redis, settings

RETRY_REDIS_SECONDS = 10
_EXTENSION = "throttle"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Quota:
    """How much of a limit is used in the current window."""

    limit: int
    used: int
    reset_seconds: int

    @property
    def remaining(self) -> int:
        """Uses left, never negative."""
        return max(self.limit - self.used, 0)

    @property
    def exceeded(self) -> bool:
        """Whether this use was one too many."""
        return self.used > self.limit


@dataclass
class Counters:
    """One counter per name and window. While Redis is unavailable, limits apply per process."""

    shared: RedisStorage
    own: MemoryStorage = field(default_factory=MemoryStorage)
    shared_again_at: float = 0.0

    def add(self, name: str, amount: int, window_seconds: int) -> int:
        """Add to the counter and return the sum; one round trip."""
        if time.monotonic() >= self.shared_again_at:
            try:
                return self.shared.incr(name, window_seconds, amount)
            except StorageError as error:
                self.shared_again_at = time.monotonic() + RETRY_REDIS_SECONDS
                log.warning("throttle.redis_away", error=str(error))
        return self.own.incr(name, window_seconds, amount)


def count_use(name: str, limit: int, window_seconds: int, *, amount: int = 1) -> Quota:
    """Count a use; ``amount`` of -1 takes one back."""
    now = utcnow().timestamp()
    window = int(now // window_seconds)
    used = _counters().add(f"{name}:{window}", amount, window_seconds)
    return Quota(limit, used, math.ceil((window + 1) * window_seconds - now) or 1)


def _counters() -> Counters:
    return built_once(current_app, _EXTENSION, _new_counters)


def _new_counters() -> Counters:
    shared = RedisStorage(
        settings().redis_url,
        connection_pool=redis().connection_pool,
        key_prefix="gitlab_links:limits",
        wrap_exceptions=True,
    )
    return Counters(shared)
