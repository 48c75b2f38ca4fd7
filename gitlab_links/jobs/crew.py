"""The processes behind one ``worker.py``: RQ workers, a ticker, and a parent that minds them."""

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from types import FrameType

import structlog
from flask import Flask
from redis.exceptions import RedisError

from gitlab_links.doorbell import Bell
from gitlab_links.extensions import settings
from gitlab_links.jobs.allowed import AllowedJob
from gitlab_links.jobs.schedule import QUEUE, tick
from gitlab_links.jobs.workers import CrewWorker, die_with_parent, reap_strangers

STOP_SECONDS = 7.0
RESTART_SECONDS = 1.0
POLL_SECONDS = 0.2

log = structlog.get_logger(__name__)
_fork = multiprocessing.get_context("fork")


@dataclass(frozen=True, slots=True)
class Post:
    """A place in the crew that is always to be filled."""

    name: str
    work: Callable[[], None]


class Crew:
    """Forks the processes after everything heavy is imported, and replaces those that die."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._posts = [Post("ticker", self._tick), *self._worker_posts()]
        self._processes: dict[str, BaseProcess] = {}
        self._stopping = False

    def run(self) -> None:
        """Mind the crew until SIGTERM or SIGINT, then let jobs end, for some seconds."""
        AllowedJob.app = self._app
        _preload(self._app)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        while not self._stopping:
            for post in self._posts:
                self._fill(post)
            reap_strangers({process.pid for process in self._processes.values()})
            self._rest()
        self._end()

    def _rest(self) -> None:
        ends_at = time.monotonic() + RESTART_SECONDS
        while not self._stopping and time.monotonic() < ends_at:
            time.sleep(POLL_SECONDS)

    def _worker_posts(self) -> list[Post]:
        with self._app.app_context():
            count = settings().worker_processes
        deliveries, fetches = Bell.DRAIN.queue, Bell.SYNC.queue
        # One worker never fetches: a slow GitLab must not hold up anybody's deliveries.
        queues = [[QUEUE, deliveries]] + [[QUEUE, fetches, deliveries]] * (count - 1)
        if count == 1:
            queues = [[QUEUE, deliveries, fetches]]
        return [
            Post(f"worker-{number}", lambda names=names: self._work(names))  # type: ignore[misc]
            for number, names in enumerate(queues, start=1)
        ]

    def _fill(self, post: Post) -> None:
        process = self._processes.get(post.name)
        if process is not None and process.is_alive():
            return
        if process is not None:
            log.warning("crew.process_died", post=post.name, exit_code=process.exitcode)
        process = _fork.Process(target=_in_child, args=(post.work, os.getpid()), name=post.name)
        process.start()
        self._processes[post.name] = process

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _end(self) -> None:
        for process in self._processes.values():
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._processes.values():
            process.join(max(0.0, deadline - time.monotonic()))
        for process in self._processes.values():
            if process.is_alive():
                log.warning("crew.process_killed", post=process.name)
                process.kill()

    def _work(self, queue_names: list[str]) -> None:
        with self._app.app_context():
            worker = self._registered(queue_names)
        worker.work(logging_level="WARNING")

    def _registered(self, queue_names: list[str]) -> CrewWorker:
        """Waits for Redis, without a word: the ticker says that it is away."""
        while True:
            try:
                return CrewWorker.of(settings().redis_url, queue_names)
            except RedisError:
                time.sleep(RESTART_SECONDS)

    def _tick(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        redis_was_there = True
        while True:
            try:
                with self._app.app_context():
                    tick(time.time())
                redis_was_there = True
            except RedisError as error:
                if redis_was_there:
                    log.warning("crew.redis_away", error=str(error))
                redis_was_there = False
            time.sleep(0.5)


def _preload(app: Flask) -> None:
    """Import and configure what every job needs, once, before forking."""
    from sqlalchemy.orm import configure_mappers

    import gitlab_links.gitlab.client  # noqa: F401

    configure_mappers()
    logging.getLogger("rq").setLevel(logging.WARNING)
    log.info("crew.ready", jobs_of=app.name)


def _in_child(work: Callable[[], None], parent: int) -> None:
    """Run one post; it ends with its parent, however that ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if die_with_parent(parent, signal.SIGTERM):
        work()
