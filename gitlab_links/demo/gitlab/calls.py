"""What was asked of the API: counts per route and project, and the rate limit."""

import threading
from collections import Counter
from dataclasses import dataclass

from gitlab_links.demo.gitlab.timing import Clock

WINDOW_SECONDS = 60


@dataclass(frozen=True)
class Call:
    """One kind of API call: ``route`` is ``/projects/:id/issues``, not the URL."""

    method: str
    route: str
    project_id: int | None


@dataclass(frozen=True)
class Quota:
    """Where a caller stands in the current minute, as the ``RateLimit-*`` headers say.

    ``reset`` is when the next minute begins, in seconds since 1970; ``seconds_left`` until then.
    """

    limit: int
    observed: int
    reset: int
    seconds_left: int

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.observed)

    @property
    def exceeded(self) -> bool:
        return self.observed > self.limit


class Calls:
    """Counts every API call; ``limit`` per caller and minute, GitLab.com's by default."""

    def __init__(self, clock: Clock, limit: int = 2_000) -> None:
        self._clock = clock
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
        window, elapsed = divmod(int(self._clock.now().timestamp()), WINDOW_SECONDS)
        with self._lock:
            if window != self._window:
                self._window = window
                self._observed.clear()
            self._observed[caller] += 1
            observed = self._observed[caller]
        reset = (window + 1) * WINDOW_SECONDS
        return Quota(self.limit, observed, reset, seconds_left=WINDOW_SECONDS - elapsed)

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
