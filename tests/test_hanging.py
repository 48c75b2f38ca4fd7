"""A test that hangs fails, and says where it stands. So does one that computes in a loop."""

import signal
import threading
import time
from collections.abc import Iterator

import pytest

from tests.hanging import HANGS, failing_if_it_hangs, failing_if_it_loops


def test_what_waits_for_ever_fails_and_every_thread_is_named(
    capfd: pytest.CaptureFixture[str],
) -> None:
    begun, never = threading.Event(), threading.Event()

    def waits_in_a_thread() -> None:
        begun.set()
        never.wait()

    waiting = threading.Thread(target=waits_in_a_thread)
    waiting.start()
    begun.wait()

    failed = pytest.raises(pytest.fail.Exception, match=r"hangs: not over after 0\.2 s")
    with failed, failing_if_it_hangs(0.2):
        waiting.join()

    never.set()
    waiting.join()
    assert waits_in_a_thread.__name__ in capfd.readouterr().err


def seconds_left() -> float:
    return signal.getitimer(signal.ITIMER_REAL)[0]


def test_what_is_over_in_time_is_left_alone() -> None:
    with failing_if_it_hangs(HANGS):
        assert 0 < seconds_left() <= HANGS
    assert seconds_left() > HANGS


@pytest.fixture
def asking() -> Iterator[None]:
    assert seconds_left()
    yield
    assert seconds_left()


def test_tests_and_fixtures_and_what_ends_them_are_watched(asking: None) -> None:
    assert seconds_left()


def test_what_computes_for_long_fails_although_it_ends() -> None:
    failed = pytest.raises(pytest.fail.Exception, match=r"loops: computed for 0\.\d s")
    with failed, failing_if_it_loops(0.05):
        begun = time.process_time()
        while time.process_time() < begun + 0.1:
            pass


def test_waiting_is_no_loop() -> None:
    with failing_if_it_loops(0.1):
        time.sleep(0.2)
