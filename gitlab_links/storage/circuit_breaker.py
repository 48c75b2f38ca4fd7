"""A circuit breaker: while a server is unavailable, callers share one attempt to reach it."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

# How often a worker tries while the database is unavailable.
ASK_AGAIN_SECONDS = 1.0
# A new connection takes milliseconds. An attempt that takes longer may have begun while the
# server was still unavailable, so the next caller begins another.
STUCK_SECONDS = 1.0
# How long a caller waits for the attempts of others.
PATIENCE_SECONDS = 2.0

T = TypeVar("T")


class Unreachable(Exception):
    """Another caller has just tried, and the server did not answer."""


class CircuitBreaker:
    """Whether a server is available, as far as this process knows.

    While it is not, one caller tries and the others wait for the result, for ``patience``
    seconds at most. After a failure callers are refused for ``quiet`` seconds. The default is
    none: the server may be back at any moment, so only callers that waited for the failed
    attempt are refused.
    """

    def __init__(self, patience: float = PATIENCE_SECONDS, quiet: float = 0.0) -> None:
        self.lost = False
        self._patience, self._quiet = patience, quiet
        self._quiet_until = 0.0
        self._changed = threading.Condition()
        self._under_way = 0  # the number of the newest attempt, 0 when it has ended
        self._newest = 0
        self._began = 0.0
        self._failed = 0  # the number of the newest attempt that failed

    def attempt(self, connect: Callable[[], T], failures: tuple[type[Exception], ...]) -> T:
        """The result of ``connect``; its ``failures`` mean that the server is unavailable.

        Raises :class:`Unreachable` instead of trying if another caller's attempt has failed.
        """
        number = self._turn() if self.lost else 0
        try:
            made = connect()
        except failures:
            self._end(number, reached=False)
            raise
        except BaseException:
            self._give_up(number)
            raise
        if self.lost:
            self._end(number, reached=True)
        return made

    def found(self) -> None:
        """Record that the server has answered."""
        if self.lost:
            self._end(0, reached=True)

    def missed(self) -> None:
        """Record that the server has not answered in time, or refused."""
        self._end(0, reached=False)

    def _turn(self) -> int:
        """Wait. Returns 0 if the server is back, or the attempt's number if the caller must try."""
        ends_at = time.monotonic() + self._patience
        with self._changed:
            while self.lost:
                now = time.monotonic()
                stuck_at = self._began + STUCK_SECONDS
                if not self._under_way and now < self._quiet_until:
                    raise Unreachable
                if not self._under_way or now >= stuck_at:
                    return self._begin(now)
                awaited = self._under_way
                if now >= ends_at:
                    raise Unreachable
                self._changed.wait(min(stuck_at, ends_at) - now)
                if self._failed >= awaited:
                    raise Unreachable
            return 0

    def _begin(self, now: float) -> int:
        self._newest += 1
        self._under_way, self._began = self._newest, now
        return self._newest

    def _give_up(self, number: int) -> None:
        """Record that the attempt was broken off without a result: another caller must try."""
        if not number:
            return
        with self._changed:
            if self._under_way == number:
                self._under_way = 0
            self._changed.notify_all()

    def _end(self, number: int, *, reached: bool) -> None:
        with self._changed:
            self.lost = not reached
            self._quiet_until = 0.0 if reached else time.monotonic() + self._quiet
            if number and self._under_way == number:
                self._under_way = 0
                self._failed = self._failed if reached else number
            self._changed.notify_all()
