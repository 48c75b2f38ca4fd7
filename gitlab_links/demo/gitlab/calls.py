"""What was asked of the API: counts per route and project, and the rate limit."""

import threading
import time
from collections import Counter
from dataclasses import dataclass

WINDOW_SECONDS = 60


@dataclass(frozen=True)
class Call:
    """One kind of API call: ``route`` is ``/projects/:id/issues``, not the URL."""

    method: str
    route: str
    project_id: int | None


@dataclass(frozen=True)
class Quota:
    """Where a caller stands in the current minute, as the ``RateLimit-*`` headers say."""

    limit: int
    observed: int
    reset: int

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.observed)

    @property
    def exceeded(self) -> bool:
        return self.observed > self.limit


class Calls:
    """Counts every API call; ``limit`` per caller and minute, GitLab.com's by default."""

    def __init__(self, limit: int = 2_000) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._counts: Counter[Call] = Counter()
        self._window = 0
        self._observed: Counter[str] = Counter()

    def record(self, method: str, route: str, project_id: int | None) -> None:
        with self._lock:
            self._counts[Call(method, route, project_id)] += 1

    def charge(self, caller: str) -> Quota:
        """Count a call against the caller's minute."""
        window = int(time.time()) // WINDOW_SECONDS
        with self._lock:
            if window != self._window:
                self._window = window
                self._observed.clear()
            self._observed[caller] += 1
            observed = self._observed[caller]
        return Quota(self.limit, observed, (window + 1) * WINDOW_SECONDS)

    def reset(self) -> None:
        """Forget the counts, not the rate limit's."""
        with self._lock:
            self._counts.clear()

    def counts(self) -> dict[Call, int]:
        with self._lock:
            return dict(self._counts)

    def total(self, route: str = "", method: str | None = None) -> int:
        """How many calls there were, of routes that contain ``route``."""
        return sum(
            count
            for call, count in self.counts().items()
            if route in call.route and method in (None, call.method)
        )
