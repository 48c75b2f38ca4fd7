import os

import pytest

from gitlab_links.jobs import workers
from gitlab_links.jobs.workers import CrewWorker


def test_a_worker_steps_back_behind_web_processes(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(os, "nice", asked.append)
    monkeypatch.setattr(workers, "NICENESS", 7)
    CrewWorker.of(redis_url, ["nothing"]).work(burst=True)
    assert asked == [7]


def test_a_worker_runs_where_stepping_back_is_forbidden(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_increment: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "nice", refuse)
    assert CrewWorker.of(redis_url, ["nothing"]).work(burst=True) is False
