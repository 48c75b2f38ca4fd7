"""The processes of one ``worker.py``: RQ workers, a ticker, and a parent that restarts them.

While nothing happens, one process does everything but sending: it ticks, and is the last of the
workers, which takes jobs from all other queues. When it is busy and jobs wait, the others start,
and end when they have had nothing to do for a while (ADR 31).
"""

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
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
from gitlab_links.jobs.worker_requests import WorkerRequests, waiting_queues
from gitlab_links.jobs.workers import Backoff, PoolWorker, die_with_parent
from gitlab_links.slow_gitlabs import QUEUE as SLOW_QUEUE

STOP_SECONDS = 7.0
RESTART_SECONDS = 1.0
POLL_SECONDS = 0.1
TICK_SECONDS = 0.5
LONGEST_RESTART_SECONDS = 30.0
ENDED, FAILED = 0, 1  # the exit code of a process that returned, or ended with an exception
TICKER, WATCHER, SENDER = "ticker", "watcher", "sender"

log = structlog.get_logger(__name__)
_fork = multiprocessing.get_context("fork")


@dataclass(frozen=True, slots=True)
class Slot:
    """A process that the pool keeps running. It ends when it may rest, if ``is_needed`` is given,
    and is started again when that says so.
    """

    name: str
    work: Callable[[], None]
    is_needed: Callable[[], bool] | None = None


class WorkerPool:
    """Forks the processes after the slow imports, and replaces those that die."""

    def __init__(self, app: Flask) -> None:
        _preload()
        self._app = app
        self._trouble = RedisTrouble()
        self._requests = WorkerRequests()
        with app.app_context():
            self._rests_after = settings().workers_rest_after
            count = settings().worker_processes
        self._slots = self._slots_at_work(count)
        if self._rests_after:
            self._slots = self._slots_that_rest(count)
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
        while not self._stopping and time.monotonic() < ends_at and not self._lacks_a_process():
            time.sleep(POLL_SECONDS)

    def _lacks_a_process(self) -> bool:
        resting = (slot for slot in self._slots if slot.name not in self._processes)
        return any(slot.is_needed is not None and slot.is_needed() for slot in resting)

    def _are_others_needed(self) -> bool:
        """Whether the process that is always there is busy, or does not run."""
        first = self._processes.get(self._slots[0].name)
        return self._requests.are_others_requested() or first is None or not first.is_alive()

    def _is_sender_needed(self) -> bool:
        return self._requests.is_sender_requested() or self._are_others_needed()

    def _slots_at_work(self, count: int) -> list[Slot]:
        named = {f"worker-{n}": names for n, names in enumerate(queues_of_workers(count), start=1)}
        named[SENDER] = [JobKind.SEND.queue]
        works = {name: partial(self._work, queues) for name, queues in named.items()}
        return [Slot(TICKER, self._tick), *(Slot(name, work) for name, work in works.items())]

    def _slots_that_rest(self, count: int) -> list[Slot]:
        """The last worker ticks as well; it takes all jobs but those of the sender."""
        _ticker, *workers, last, sender = self._slots_at_work(count)
        always = Slot(last.name, partial(self._tick_and_work, queues_of_workers(count)[-1]))
        return [
            always,
            *(replace(worker, is_needed=self._are_others_needed) for worker in workers),
            replace(sender, is_needed=self._is_sender_needed),
        ]

    def _fill(self, slot: Slot) -> None:
        process = self._processes.get(slot.name)
        if process is not None and process.is_alive():
            return
        if process is not None and slot.is_needed is not None and process.exitcode == ENDED:
            del self._processes[slot.name]
            process = None
        if process is None and slot.is_needed is not None and not slot.is_needed():
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

    def _work(self, queue_names: list[str], worker_requests: WorkerRequests | None = None) -> None:
        """Work until SIGTERM, or until it may rest; waits while Redis is unavailable or takes no
        writes.
        """
        backoff = Backoff()
        while True:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            try:
                with self._app.app_context():
                    redis_url = settings().redis_url
                worker = PoolWorker.of(redis_url, queue_names, self._trouble)
                worker.worker_requests = worker_requests
                worker.rests_after = 0 if worker_requests else self._rests_after
                worker.work(logging_level="WARNING")
            except RedisError as error:
                self._trouble.meet(error)
            else:
                return
            backoff.wait()

    def _tick_and_work(self, queue_names: list[str]) -> None:
        """Do what one process can, and let the others start when jobs wait for them."""
        self._requests.reset()
        for name, work in ((TICKER, self._tick), (WATCHER, self._watch)):
            threading.Thread(target=work, name=name, daemon=True).start()
        self._work(queue_names, self._requests)

    def _watch(self) -> None:
        """Look at the queues: often while jobs run, else as often as the ticker ticks."""
        looked_at = 0.0
        while True:
            now = time.monotonic()
            if self._requests.is_awake() or now - looked_at >= TICK_SECONDS:
                looked_at = now
                with suppress(RedisError), self._app.app_context():
                    self._requests.request_for(waiting_queues())
            time.sleep(POLL_SECONDS)

    def _tick(self) -> None:
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
    """A process that has lost its ticker or its watcher must not go on: the pool replaces it."""
    if failed.exc_value is not None:
        log.error("worker_pool.thread_failed", exc_info=failed.exc_value)
    if failed.thread is not None and failed.thread.name in (TICKER, WATCHER):
        os._exit(FAILED)
