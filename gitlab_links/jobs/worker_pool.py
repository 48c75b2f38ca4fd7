"""The processes of one ``worker.py``: RQ workers, a ticker, and a parent that restarts them."""

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from types import FrameType

import structlog
from flask import Flask
from redis.exceptions import RedisError

from gitlab_links.extensions import settings
from gitlab_links.job_triggers import SCHEDULE_QUEUE, JobKind
from gitlab_links.jobs.allowed_jobs import AllowedJob
from gitlab_links.jobs.redis_trouble import RedisTrouble
from gitlab_links.jobs.schedule import Ticker
from gitlab_links.jobs.workers import Backoff, PoolWorker, die_with_parent
from gitlab_links.slow_gitlabs import QUEUE as SLOW_QUEUE

STOP_SECONDS = 7.0
RESTART_SECONDS = 1.0
POLL_SECONDS = 0.2
TICK_SECONDS = 0.5
LONGEST_RESTART_SECONDS = 30.0
FAILED = 1  # the exit code of a process that ended with an exception

log = structlog.get_logger(__name__)
_fork = multiprocessing.get_context("fork")


@dataclass(frozen=True, slots=True)
class Slot:
    """A process that the pool keeps running."""

    name: str
    work: Callable[[], None]


class WorkerPool:
    """Forks the processes after the slow imports, and replaces those that die."""

    def __init__(self, app: Flask) -> None:
        _preload()
        self._app = app
        self._trouble = RedisTrouble()
        self._slots = [Slot("ticker", self._tick), *self._worker_slots()]
        self._processes: dict[str, BaseProcess] = {}
        self._restart_at: dict[str, float] = {}
        self._pauses: dict[str, float] = {}
        self._stopping = False

    def run(self) -> None:
        """Run the pool until SIGTERM or SIGINT, then wait ``STOP_SECONDS`` for jobs to end."""
        AllowedJob.app = self._app
        logging.getLogger("rq").setLevel(logging.WARNING)
        logging.getLogger("rq.worker").addFilter(_is_not_of_redis)
        log.info("worker_pool.ready", jobs_of=self._app.name)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        while not self._stopping:
            for slot in self._slots:
                self._fill(slot)
            self._rest()
        self._end()

    def _rest(self) -> None:
        ends_at = time.monotonic() + RESTART_SECONDS
        while not self._stopping and time.monotonic() < ends_at:
            time.sleep(POLL_SECONDS)

    def _worker_slots(self) -> list[Slot]:
        with self._app.app_context():
            count = settings().worker_processes
        queues = queues_of_workers(count)
        return [
            Slot(f"worker-{number}", lambda names=names: self._work(names))  # type: ignore[misc]
            for number, names in enumerate(queues, start=1)
        ] + [Slot("sender", lambda: self._work([JobKind.SEND.queue]))]

    def _fill(self, slot: Slot) -> None:
        process = self._processes.get(slot.name)
        if process is not None and process.is_alive():
            return
        if process is not None and not self._may_restart(slot, process):
            return
        process = _fork.Process(target=_in_child, args=(slot.work, os.getpid()), name=slot.name)
        process.start()
        self._processes[slot.name] = process

    def _may_restart(self, slot: Slot, dead: BaseProcess) -> bool:
        """At once if the process was killed; with growing pauses if it keeps failing."""
        now = time.monotonic()
        if slot.name not in self._restart_at:
            pause = self._pauses.get(slot.name, 0.0)
            log.warning("worker_pool.process_died", slot=slot.name, exit_code=dead.exitcode)
            failed = dead.exitcode == FAILED
            self._restart_at[slot.name] = now + (pause if failed else 0.0)
            longer = max(RESTART_SECONDS, pause * 2) if failed else 0.0
            self._pauses[slot.name] = min(longer, LONGEST_RESTART_SECONDS)
        if now < self._restart_at[slot.name]:
            return False
        del self._restart_at[slot.name]
        return True

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
                log.warning("worker_pool.process_killed", slot=process.name)
                process.kill()

    def _work(self, queue_names: list[str]) -> None:
        """Work until SIGTERM; waits while Redis is unavailable or takes no writes."""
        backoff = Backoff()
        while True:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            try:
                with self._app.app_context():
                    redis_url = settings().redis_url
                worker = PoolWorker.of(redis_url, queue_names, self._trouble)
                worker.work(logging_level="WARNING")
            except RedisError as error:
                self._trouble.meet(error)
            else:
                return
            backoff.wait()

    def _tick(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        ticker = Ticker()
        while True:
            try:
                with self._app.app_context():
                    ticker.tick(time.time())
            except RedisError as error:
                self._trouble.meet(error)
            time.sleep(TICK_SECONDS)


def queues_of_workers(count: int) -> list[list[str]]:
    """The queues of each worker, in the order it takes jobs from them. What is sent to endpoints
    has a worker of its own besides these: strangers' servers decide how long that takes.

    From two workers on, one never fetches, so that a slow GitLab cannot delay deliveries. From
    three on, only the last one takes the queue of slow GitLabs, so that they cannot delay
    fetches of other orgs.
    """
    deliveries, fetches = JobKind.DRAIN.queue, JobKind.SYNC.queue
    if count == 1:
        return [[SCHEDULE_QUEUE, deliveries, fetches, SLOW_QUEUE]]
    if count == 2:
        return [[SCHEDULE_QUEUE, deliveries], [SCHEDULE_QUEUE, fetches, deliveries, SLOW_QUEUE]]
    fetching = [[SCHEDULE_QUEUE, fetches, deliveries]] * (count - 2)
    return [
        [SCHEDULE_QUEUE, deliveries],
        *fetching,
        [SCHEDULE_QUEUE, SLOW_QUEUE, fetches, deliveries],
    ]


def _preload() -> None:
    """Import and configure what every job needs, once, before forking."""
    from sqlalchemy.orm import configure_mappers

    from gitlab_links.gitlab import hook_client, item_client, token_client  # noqa: F401

    configure_mappers()


def _is_not_of_redis(record: logging.LogRecord) -> bool:
    """Each worker would log every two seconds that Redis is unavailable; the pool logs it once."""
    return "could not connect to Redis instance" not in str(record.msg)


def _in_child(work: Callable[[], None], parent: int) -> None:
    """Run one slot; the process ends when its parent ends, in whatever way."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # Log thread failures as one JSON line instead of the interpreter's tracebacks.
    threading.excepthook = _log_thread_failure
    if not die_with_parent(parent, signal.SIGTERM):
        return
    try:
        work()
    except Exception:
        log.exception("worker_pool.slot_failed", slot=multiprocessing.current_process().name)
        sys.exit(FAILED)


def _log_thread_failure(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_value is not None:
        log.error("worker_pool.thread_failed", exc_info=failed.exc_value)
