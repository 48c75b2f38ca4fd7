import os

import pytest
from redis import Redis
from rq import Worker

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


def test_a_worker_that_redis_forgot_is_seen_at_work_again(redis: Redis, redis_url: str) -> None:
    worker = CrewWorker.of(redis_url, ["nothing"])
    worker.register_birth()
    redis.flushdb()
    assert Worker.count(connection=redis) == 0
    worker.heartbeat()
    (seen,) = Worker.all(connection=redis)
    assert (seen.name, seen.pid, seen.queue_names()) == (worker.name, os.getpid(), ["nothing"])


def test_a_worker_that_is_registered_keeps_what_is_told_of_it(redis: Redis, redis_url: str) -> None:
    worker = CrewWorker.of(redis_url, ["nothing"])
    worker.register_birth()
    redis.hset(worker.key, "successful_job_count", 3)
    worker.heartbeat()
    (seen,) = Worker.all(connection=redis)
    assert seen.successful_job_count == 3
