import io
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from rq import Worker
from structlog.stdlib import ProcessorFormatter

from gitlab_links.job_triggers import JobKind, enqueue
from gitlab_links.jobs import workers
from gitlab_links.jobs.allowed_jobs import AllowedJob
from gitlab_links.jobs.functions import ALLOWED
from gitlab_links.jobs.redis_trouble import RedisTrouble
from gitlab_links.jobs.workers import PoolWorker

OF_THE_ORG = "00000000-0000-0000-0000-000000000007"


def test_a_worker_steps_back_behind_web_processes(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(os, "nice", asked.append)
    monkeypatch.setattr(workers, "NICENESS", 7)
    PoolWorker.of(redis_url, ["nothing"], RedisTrouble()).work(burst=True)
    assert asked == [7]


def test_a_worker_runs_where_stepping_back_is_forbidden(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_increment: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "nice", refuse)
    assert PoolWorker.of(redis_url, ["nothing"], RedisTrouble()).work(burst=True) is False


def test_a_worker_that_redis_forgot_is_seen_at_work_again(redis: Redis, redis_url: str) -> None:
    worker = PoolWorker.of(redis_url, ["nothing"], RedisTrouble())
    worker.register_birth()
    redis.flushdb()
    assert Worker.count(connection=redis) == 0
    worker.heartbeat()
    (seen,) = Worker.all(connection=redis)
    assert (seen.name, seen.pid, seen.queue_names()) == (worker.name, os.getpid(), ["nothing"])


def test_a_worker_that_redis_has_just_forgotten_is_seen_at_its_next_job(
    app: Flask, redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def note(_org_id: str) -> None:
        seen.extend(one.name for one in Worker.all(connection=redis))

    monkeypatch.setitem(ALLOWED, JobKind.DRAIN.job, note)
    monkeypatch.setattr(AllowedJob, "app", app, raising=False)
    worker = PoolWorker.of(redis_url, [JobKind.DRAIN.queue], RedisTrouble())
    monkeypatch.setattr(worker, "_install_signal_handlers", lambda: None)
    worker.register_birth()
    worker.heartbeat()  # so that the next is due only seconds later
    redis.flushdb()
    with app.app_context():
        enqueue(JobKind.DRAIN.queue, JobKind.DRAIN.job, OF_THE_ORG)
    job, queue = worker.dequeue_job_and_maintain_ttl(None)
    worker.execute_job(job, queue)
    assert seen == [worker.name]


def test_a_registered_worker_keeps_its_entry(redis: Redis, redis_url: str) -> None:
    worker = PoolWorker.of(redis_url, ["nothing"], RedisTrouble())
    worker.register_birth()
    redis.hset(worker.key, "successful_job_count", 3)
    worker.heartbeat()
    (seen,) = Worker.all(connection=redis)
    assert seen.successful_job_count == 3


def test_what_is_logged_of_a_job_names_the_job_and_its_org(
    app: Flask, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_org_id: str) -> None:
        logging.getLogger("of a library").warning("about to fail")
        raise ZeroDivisionError

    monkeypatch.setitem(ALLOWED, JobKind.DRAIN.job, fail)
    monkeypatch.setattr(AllowedJob, "app", app, raising=False)
    with app.app_context():
        enqueue(
            JobKind.DRAIN.queue,
            JobKind.DRAIN.job,
            OF_THE_ORG,
            job_id="of-the-job",
        )
    worker = PoolWorker.of(redis_url, [JobKind.DRAIN.queue], RedisTrouble())
    monkeypatch.setattr(worker, "_install_signal_handlers", lambda: None)
    with logged() as lines:
        worker.work(burst=True, logging_level="WARNING")
    assert [("ZeroDivisionError" in line["event"], line["level"]) for line in lines] == [
        (False, "warning"),
        (True, "error"),
    ]
    assert {(line["job_id"], line["org_id"]) for line in lines} == {("of-the-job", OF_THE_ORG)}


@contextmanager
def logged() -> Iterator[list[dict[str, Any]]]:
    """What is written meanwhile, line by line, as the service writes it."""
    root, written, lines = logging.getLogger(), io.StringIO(), []
    ours = [one for one in root.handlers if isinstance(one.formatter, ProcessorFormatter)]
    handler = logging.StreamHandler(written)
    handler.setFormatter(ours[0].formatter)
    root.addHandler(handler)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        lines += [json.loads(line) for line in written.getvalue().splitlines()]
