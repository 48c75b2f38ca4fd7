"""How soon a process of the pool is started again."""

from types import SimpleNamespace

import pytest
from flask import Flask

from gitlab_links.jobs import worker_pool
from gitlab_links.jobs.worker_pool import Slot, WorkerPool

pytestmark = pytest.mark.only_on("sqlite")

POST = Slot("worker-1", lambda: None)


def seconds_until_restart(
    minded: WorkerPool, exit_code: int, monkeypatch: pytest.MonkeyPatch, now: float
) -> float:
    dead = SimpleNamespace(exitcode=exit_code)
    for waited in range(100):
        monkeypatch.setattr(worker_pool.time, "monotonic", lambda at=now + waited: at)
        if minded._may_restart(POST, dead):
            return waited
    raise AssertionError("never")


def test_one_that_was_killed_is_started_at_once(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    minded = WorkerPool(app)
    waits = [seconds_until_restart(minded, -9, monkeypatch, 1000.0 * n) for n in range(3)]
    assert waits == [0, 0, 0]


def test_one_that_fails_again_and_again_is_started_ever_later(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    minded = WorkerPool(app)
    waits = [
        seconds_until_restart(minded, worker_pool.FAILED, monkeypatch, 1e3 * n) for n in range(8)
    ]
    assert waits == [0, 1, 2, 4, 8, 16, 30, 30]
    assert seconds_until_restart(minded, -9, monkeypatch, 1e5) == 0
    assert seconds_until_restart(minded, worker_pool.FAILED, monkeypatch, 2e5) == 0
