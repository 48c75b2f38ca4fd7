"""Of all processes of a ``worker.py`` one says that Redis is in trouble, once."""

import multiprocessing

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError
from structlog.testing import capture_logs

from gitlab_links.jobs import redis_trouble
from gitlab_links.jobs.redis_trouble import AWAY, REFUSES, RedisTrouble
from tests.hanging import HANGS

FULL = OutOfMemoryError("command not allowed when used memory > 'maxmemory'")
AWAY_ERROR = RedisConnectionError("Connection refused")


def events_of(trouble: RedisTrouble, *errors: Exception) -> list[str]:
    with capture_logs() as logged:
        for error in errors:
            trouble.meet(error)
    return [line["event"] for line in logged]


def test_what_another_process_has_said_is_not_said_again() -> None:
    trouble = RedisTrouble()
    other = multiprocessing.get_context("fork").Process(target=trouble.meet, args=(FULL,))
    other.start()
    other.join(HANGS)
    assert other.exitcode == 0
    assert events_of(trouble, FULL, FULL) == []


def test_each_kind_of_trouble_is_said_once() -> None:
    assert events_of(RedisTrouble(), FULL, AWAY_ERROR, FULL, AWAY_ERROR) == [REFUSES, AWAY]


def test_after_a_calm_it_is_said_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    trouble = RedisTrouble()
    assert events_of(trouble, FULL) == [REFUSES]
    monkeypatch.setattr(redis_trouble, "CALM_SECONDS", 0.0)
    assert events_of(trouble, FULL) == [REFUSES]


def test_a_process_that_was_killed_with_the_lock_silences_nobody() -> None:
    trouble = RedisTrouble()
    trouble._lock.acquire()
    assert events_of(trouble, FULL, FULL) == [REFUSES]
