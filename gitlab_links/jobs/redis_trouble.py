"""Redis is away, or takes no writes: said once for all processes of a ``worker.py``."""

import multiprocessing
import time

import structlog
from redis.exceptions import RedisError, ResponseError

# It is said anew only after no process has met it for so long: a memory that is full now and
# then, or a process that is just waiting for its next attempt, is the same trouble.
CALM_SECONDS = 30.0
# A process that was killed may hold the lock for ever: then two may say the same.
LOCK_SECONDS = 0.1

AWAY, REFUSES = "worker_pool.redis_away", "worker_pool.redis_refuses"

log = structlog.get_logger(__name__)


class RedisTrouble:
    """Made before forking: the processes share when each kind of trouble was last met."""

    def __init__(self) -> None:
        shared = multiprocessing.get_context("fork")
        self._lock = shared.Lock()
        self._last_met = {event: shared.RawValue("d", 0.0) for event in (AWAY, REFUSES)}

    def meet(self, error: RedisError) -> None:
        """Log the error, unless a process has met its kind a moment ago."""
        event = REFUSES if isinstance(error, ResponseError) else AWAY
        if self._is_news(event):
            log.warning(event, error=str(error))

    def _is_news(self, event: str) -> bool:
        locked = self._lock.acquire(timeout=LOCK_SECONDS)
        try:
            last_met, now = self._last_met[event].value, time.monotonic()
            self._last_met[event].value = now
            return bool(last_met == 0.0 or now - last_met > CALM_SECONDS)
        finally:
            if locked:
                self._lock.release()
