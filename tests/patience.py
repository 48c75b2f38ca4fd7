"""Waiting for something, with an end."""

import time
from collections.abc import Callable
from typing import Any


def within(
    seconds: float, look: Callable[[], Any], *, every: float = 0.05, what: Callable[[], str] = str
) -> float:
    """Wait until ``look()`` is true; gives the seconds it took, or fails and says ``what()``."""
    started = time.monotonic()
    while not look():
        assert time.monotonic() - started < seconds, f"not within {seconds} s {what()}"
        time.sleep(every)
    return time.monotonic() - started


def equal_within(seconds: float, look: Callable[[], Any], wanted: Any) -> float:
    """Wait until ``look()`` gives ``wanted``; gives the seconds it took, or fails and says both."""
    seen = None

    def is_wanted() -> bool:
        nonlocal seen
        seen = look()
        return bool(seen == wanted)

    return within(seconds, is_wanted, what=lambda: f"{seen} != {wanted}")
