"""The one bound on time that tests have: what takes longer hangs, however busy the machine."""

import faulthandler
import signal
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

HANGS = 60.0
# A test may wait for one thing after the other; the longest takes minutes.
WHOLE_TEST_HANGS = 20 * HANGS


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """``tests/conftest.py`` has this for all tests, their fixtures and what ends them."""
    with failing_if_it_hangs():
        return (yield)


pytest_runtest_setup = pytest_runtest_teardown = pytest_runtest_call
