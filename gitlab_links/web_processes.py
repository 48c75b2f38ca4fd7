"""The web processes of a gunicorn: one that loads the service, and forks of it, which serve.

gunicorn takes the first for its only worker. So a reload starts another one, which loads the new
code, and ends this one with its forks (ADR 30). A fork that dies is replaced without loading
anything.
"""

import os
import signal
import sys
import time
from typing import Any

from gunicorn.arbiter import Arbiter
from gunicorn.workers.workertmp import WorkerTmp

CHECK_SECONDS = 1.0
PAUSE_SECONDS = 0.2
_STOPS = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGABRT}
_PASSED_ON = {*_STOPS, signal.SIGUSR1}
_AWAITED = {*_PASSED_ON, signal.SIGCHLD}
# gunicorn gives up if a worker ends with one of these; with any other code it starts one again.
_HOPELESS = {Arbiter.WORKER_BOOT_ERROR, Arbiter.APP_LOAD_ERROR}


def fork(worker: Any, count: int) -> None:
    """Load the service and return in so many new processes; this one stays, and ends after them.

    Called when gunicorn has forked its worker, before that does anything. Signals wait until
    somebody can handle them: here they are read one by one, in a fork after ``take_signals``.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)
    worker.app.wsgi()
    parent = _Parent(worker)
    while not parent.has_ended():
        while parent.lacks(count):
            if parent.fork():
                return
        parent.watch()
    sys.exit(0)


def take_signals() -> None:
    """Let signals arrive, those that came meanwhile first."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _AWAITED)


class _Parent:
    """Does for the forks what gunicorn does for its workers."""

    def __init__(self, worker: Any) -> None:
        self._worker = worker
        self._heartbeats: dict[int, WorkerTmp] = {}
        self._stopping = False

    def has_ended(self) -> bool:
        return self._stopping and not self._heartbeats

    def lacks(self, count: int) -> bool:
        return not self._stopping and len(self._heartbeats) < count

    def fork(self) -> bool:
        """Whether this is the new process, which is now what gunicorn's worker was."""
        heartbeat = WorkerTmp(self._worker.cfg)
        pid = os.fork()
        if pid:
            self._heartbeats[pid] = heartbeat
            return False
        for inherited in (self._worker.tmp, *self._heartbeats.values()):
            inherited.close()
        self._worker.tmp = heartbeat
        self._worker.pid, self._worker.ppid = os.getpid(), os.getppid()
        return True

    def watch(self) -> None:
        """Wait for a signal, but not for long, and handle it; see which forks died or hang."""
        self._worker.notify()
        arrived = signal.sigtimedwait(_AWAITED, CHECK_SECONDS)
        if arrived is not None and arrived.si_signo in _PASSED_ON:
            self._pass_on(arrived.si_signo)
        elif os.getppid() != self._worker.ppid and not self._stopping:
            self._pass_on(signal.SIGTERM)
        self._reap()
        self._kill_the_hanging()

    def _pass_on(self, number: int) -> None:
        self._stopping |= number in _STOPS
        for pid in self._heartbeats:
            os.kill(pid, number)

    def _reap(self) -> None:
        while self._heartbeats:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            self._heartbeats.pop(pid).close()
            code = os.waitstatus_to_exitcode(status)
            if code in _HOPELESS:
                sys.exit(code)
            if not self._stopping:
                self._worker.log.warning("Web process %s died: exit code %s", pid, code)
                time.sleep(PAUSE_SECONDS)

    def _kill_the_hanging(self) -> None:
        limit = self._worker.cfg.timeout
        for pid, heartbeat in self._heartbeats.items():
            if limit and time.monotonic() - heartbeat.last_update() > limit:
                self._worker.log.critical("Web process %s hangs, and is killed", pid)
                os.kill(pid, signal.SIGKILL)
