"""What hangs takes a minute, however busy the machine; what loops computes for many seconds."""

import faulthandler
import signal
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

HANGS = 60.0
# A test may wait for one thing after the other; the longest takes minutes.
WHOLE_TEST_HANGS = 20 * HANGS
# CPU time of a quick test, many times what the longest takes.
LOOPS = 20.0
# The marks of tests that start processes of their own.
WITH_PROCESSES = ("processes", "browser")


@contextmanager
def failing_if_it_hangs(seconds: float = WHOLE_TEST_HANGS) -> Iterator[None]:
    """Fail where the block stands after ``seconds``, and print where every thread does.

    So a test may join threads or wait for an event without a bound of its own. If what then
    cleans up waits for the same thread, it is interrupted a minute later: pytest-timeout stops
    watching once it has failed a test, and the run would hang there.
    """

    def fail(_signal: int, _frame: FrameType | None) -> None:
        faulthandler.dump_traceback(sys.stderr)
        pytest.fail(f"hangs: not over after {seconds:g} s")

    handler = signal.signal(signal.SIGALRM, fail)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds, HANGS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, handler)


@contextmanager
def failing_if_it_loops(seconds: float = LOOPS) -> Iterator[None]:
    """Fail if this process computed for longer during the block.

    Such a test may well pass: the product goes round and round until a limit of its own ends it.
    """
    begun = time.process_time()
    yield
    spent = time.process_time() - begun
    if spent > seconds:
        pytest.fail(f"loops: computed for {spent:.1f} s, and {seconds:g} s are much")


def _is_long(item: pytest.Item) -> bool:
    return any(map(item.get_closest_marker, (*WITH_PROCESSES, "slow")))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """``tests/conftest.py`` has these for all tests, their fixtures and what ends them."""
    with failing_if_it_hangs():
        if _is_long(item) or getattr(item.obj, "is_hypothesis_test", False):
            return (yield)
        with failing_if_it_loops():
            return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, object, object]:
    with failing_if_it_hangs():
        return (yield)


pytest_runtest_teardown = pytest_runtest_setup
