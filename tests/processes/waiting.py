"""Patience, with an end."""

import time
from collections.abc import Callable
from typing import Any


def within(seconds: float, look: Callable[[], Any], wanted: Any) -> float:
    """Wait until ``look()`` gives ``wanted``; returns the seconds that took, or fails."""
    started = time.monotonic()
    while (seen := look()) != wanted:
        assert time.monotonic() - started < seconds, f"after {seconds} s: {seen} != {wanted}"
        time.sleep(0.05)
    return time.monotonic() - started
