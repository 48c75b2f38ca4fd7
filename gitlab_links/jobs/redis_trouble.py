"""Logging that Redis is unavailable or takes no writes, once for all processes of a
``worker.py``.
"""

import multiprocessing
import time

import structlog
from redis.exceptions import RedisError, ResponseError

# The same error is logged again only after no process has had it for so long: a process may be
# waiting for its next attempt meanwhile.
CALM_SECONDS = 30.0
# A killed process may never release the lock. Then two processes may log the same.
LOCK_SECONDS = 0.1

AWAY, REFUSES = "worker_pool.redis_away", "worker_pool.redis_refuses"

log = structlog.get_logger(__name__)


class RedisTrouble:
    """Created before forking: the processes share when each kind of error last happened."""

    def __init__(self) -> None:
        shared = multiprocessing.get_context("fork")
        self._lock = shared.Lock()
        self._last_met = {event: shared.RawValue("d", 0.0) for event in (AWAY, REFUSES)}

    def meet(self, error: RedisError) -> None:
        """Log the error, unless a process has just had one of its kind."""
        event = REFUSES if isinstance(error, ResponseError) else AWAY
        if self._is_new(event):
            log.warning(event, error=str(error))

    def _is_new(self, event: str) -> bool:
        locked = self._lock.acquire(timeout=LOCK_SECONDS)
        try:
            last_met, now = self._last_met[event].value, time.monotonic()
            self._last_met[event].value = now
            return bool(last_met == 0.0 or now - last_met > CALM_SECONDS)
        finally:
            if locked:
                self._lock.release()
