"""When a delivery that failed is tried again, and when an endpoint is left alone for a while."""

import random
from datetime import timedelta

# The delays before the second and each later attempt: about a day.
RETRY_DELAYS = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 28_800)
)
MAX_ATTEMPTS = len(RETRY_DELAYS) + 1
# So many failures in a row are the endpoint's: from then on one delivery at a time tries it.
FAILURES_OF_THE_ENDPOINT = 3
# A failing endpoint is tried at least this often: it may be back at any time.
LONGEST_PAUSE = timedelta(hours=1)
# A longer ``Retry-After`` counts as this.
LONGEST_WAIT = timedelta(hours=1)
# An endpoint is disabled after so many failures in a row, in this time: one event alone fails as
# often in a day. A clock that is ahead for a moment makes a day of two failures.
DISABLED_AFTER = timedelta(hours=24)
DISABLED_AFTER_FAILURES = 10
LEAST_SPREAD, MOST_SPREAD = 0.8, 1.2
# Between two failures no more than this counts: then nothing was sent for other reasons, or the
# clock has jumped ahead.
LONGEST_BETWEEN = RETRY_DELAYS[-1] * MOST_SPREAD


def resending_delay(attempts: int) -> timedelta:
    """The delay after ``attempts`` of a delivery, randomly changed by up to a fifth."""
    return RETRY_DELAYS[min(attempts, len(RETRY_DELAYS)) - 1] * _spread()


def endpoint_pause(failures: int) -> timedelta:
    """For how long nothing is sent after ``failures`` in a row."""
    if failures < FAILURES_OF_THE_ENDPOINT:
        return timedelta()
    place = min(failures - FAILURES_OF_THE_ENDPOINT, len(RETRY_DELAYS) - 1)
    return min(RETRY_DELAYS[place], LONGEST_PAUSE) * _spread()


def clamped(retry_after: float | None) -> timedelta:
    """What of a ``Retry-After`` in seconds is respected."""
    return min(timedelta(seconds=max(retry_after or 0.0, 0.0)), LONGEST_WAIT)


def _spread() -> float:
    return random.uniform(LEAST_SPREAD, MOST_SPREAD)  # noqa: S311
