"""While a server is away one caller tries to reach it, and the others wait for what comes of it."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from gitlab_links.storage import circuit_breaker
from gitlab_links.storage.circuit_breaker import CircuitBreaker, Unreachable
from tests.hanging import HANGS

FAILURES = (ConnectionError,)
SOON = 0.05


class Server:
    """Can be away; an attempt may have to wait until ``answers`` is set."""

    def __init__(self) -> None:
        self.away, self.tried = False, 0
        self.is_tried = threading.Event()
        self.answers = threading.Event()
        self.answers.set()

    def connect(self) -> str:
        self.tried += 1
        away = self.away
        self.is_tried.set()
        self.answers.wait(HANGS)
        if away:
            raise ConnectionError
        return "connected"


class Queue(threading.Condition):
    """Where callers wait for the attempt of another one; counts those that have come."""

    def __init__(self) -> None:
        super().__init__()
        self.come = threading.Semaphore(0)

    def wait(self, timeout: float | None = None) -> bool:
        self.come.release()
        return super().wait(timeout)


@pytest.fixture(autouse=True)
def _never_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody begins another attempt because the machine is busy."""
    monkeypatch.setattr(circuit_breaker, "STUCK_SECONDS", HANGS)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def lost(server: Server) -> CircuitBreaker:
    """Has found the server away, some time ago."""
    found, server.away = CircuitBreaker(patience=HANGS), True
    with pytest.raises(ConnectionError):
        found.attempt(server.connect, FAILURES)
    server.tried = 0
    server.is_tried.clear()
    return found


def at_once(
    lost: CircuitBreaker, server: Server, callers: int, between: Callable[[], None]
) -> list[str]:
    """What so many callers get that come while one attempt is under way."""
    server.answers.clear()
    queue = lost._changed = Queue()
    with ThreadPoolExecutor(callers) as pool:
        waiting: list[Future[str]] = [
            pool.submit(lost.attempt, server.connect, FAILURES) for _ in range(callers)
        ]
        assert server.is_tried.wait(HANGS)
        for _ in range(callers - 1):
            assert queue.come.acquire(timeout=HANGS)
        between()
        server.answers.set()
        return [_outcome(one) for one in waiting]


def _outcome(one: Future[str]) -> str:
    error = one.exception(HANGS)
    return one.result() if error is None else type(error).__name__


def test_a_server_that_answers_is_asked_by_everybody(server: Server) -> None:
    found = CircuitBreaker()
    assert [found.attempt(server.connect, FAILURES) for _ in range(3)] == ["connected"] * 3
    assert not found.lost


def test_nobody_of_a_first_burst_is_refused_once_the_server_is_back(
    lost: CircuitBreaker, server: Server
) -> None:
    server.away = False
    assert at_once(lost, server, 8, lambda: None) == ["connected"] * 8
    assert not lost.lost


def test_while_it_is_away_a_burst_costs_one_attempt(lost: CircuitBreaker, server: Server) -> None:
    outcomes = at_once(lost, server, 8, lambda: None)
    assert sorted(outcomes) == ["ConnectionError"] + ["Unreachable"] * 7
    assert server.tried == 1


def test_a_failure_of_the_past_refuses_nobody(lost: CircuitBreaker, server: Server) -> None:
    server.away = False
    assert lost.attempt(server.connect, FAILURES) == "connected"


def test_an_attempt_from_before_the_server_was_back_keeps_nobody_waiting(
    lost: CircuitBreaker, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def come_back() -> None:
        server.away = False
        monkeypatch.setattr(circuit_breaker, "STUCK_SECONDS", 4 * SOON)
        with lost._changed:
            lost._changed.notify_all()  # who waits sees how long from now on
        while server.tried < 2:
            time.sleep(SOON)

    # The first attempt fails in the end, and takes none of the others with it.
    outcomes = at_once(lost, server, 4, come_back)
    assert sorted(outcomes) == ["ConnectionError"] + ["connected"] * 3


def test_nobody_waits_for_longer_than_patience_allows(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient = CircuitBreaker(patience=SOON)
    impatient.missed()
    outcomes: list[str] = []

    def give_up() -> None:
        with pytest.raises(Unreachable):
            impatient.attempt(server.connect, FAILURES)
        outcomes.append("refused")

    at_once(impatient, server, 1, give_up)
    assert outcomes == ["refused"]


def test_an_attempt_that_is_broken_off_lets_the_next_caller_try(
    lost: CircuitBreaker, server: Server
) -> None:
    def broken_off() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lost.attempt(broken_off, FAILURES)
    server.away = False
    assert lost.attempt(server.connect, FAILURES) == "connected"


def test_where_doing_without_is_better_a_failure_refuses_for_a_while(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(circuit_breaker, "time", SimpleNamespace(monotonic=lambda: now))
    quiet = CircuitBreaker(quiet=SOON)
    quiet.missed()
    with pytest.raises(Unreachable):
        quiet.attempt(server.connect, FAILURES)
    now += SOON
    assert quiet.attempt(server.connect, FAILURES) == "connected"


def test_an_answer_by_another_way_ends_it(lost: CircuitBreaker) -> None:
    lost.found()
    assert not lost.lost
