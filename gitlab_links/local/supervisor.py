"""Starting named child processes, detecting when one dies, and always ending all of them.

Used by the demo, ``make run``, tests with real processes, and benchmarks.
"""

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from gitlab_links.local import guardian
from gitlab_links.local.guardian import session_members, signal_all

PROJECT = Path(__file__).resolve().parents[2]
START_SECONDS = 60.0
STOP_SECONDS = 8.0
TAIL_LINES = 20
LARGE_LOG = 10 * 1024 * 1024


class ChildFailed(Exception):
    """A child died, or was not ready in time; the message ends with the tail of its log."""


@dataclass(frozen=True, eq=False)
class Child:
    """A running process, which leads a session with all of its own children."""

    name: str
    log: Path
    begins_at: int
    process: subprocess.Popen[bytes]
    stop_signal: int

    @property
    def pid(self) -> int:
        return self.process.pid

    def died(self) -> bool:
        return self.process.poll() is not None

    def printed(self) -> str:
        """What this run has printed; the log may contain earlier runs as well."""
        with self.log.open("rb") as log:
            log.seek(self.begins_at)
            return log.read().decode("utf-8", errors="replace")

    def tail(self) -> str:
        """The last lines of this run, indented."""
        lines = self.printed().splitlines()
        return "\n".join(f"    {line}" for line in lines[-TAIL_LINES:]) or "    (its log is empty)"

    def ending(self) -> str:
        """How the child ended: its exit code, or the signal that killed it."""
        code = self.process.returncode
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    def failed(self, what: str) -> ChildFailed:
        """The error to raise about this child."""
        return ChildFailed(f"'{self.name}' {what}. The end of its log:\n{self.tail()}")


class Supervisor:
    """A context manager that owns children and a temporary ``folder``.

    Logs are in ``logs`` and stay; without ``logs`` they are in the folder. On exit it ends the
    children, last started first, and removes the folder. If it is killed with SIGKILL, a
    guardian process does so.
    """

    def __init__(self, logs: Path | None = None) -> None:
        self._children: list[Child] = []
        self._logs = logs

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="gitlab-links-"))
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", guardian.__file__],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        self._send_to_guardian(f"folder {self.folder}")
        self.logs = self._logs or self.folder
        self.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        try:
            self.stop_all()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
            self._guardian.communicate()

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        settings: Mapping[str, str] | None = None,
        folder: Path = PROJECT,
        ready: Callable[[], bool] | None = None,
        seconds: float = START_SECONDS,
        stop_signal: int = signal.SIGTERM,
    ) -> Child:
        """Start ``command`` in ``folder`` and wait until ``ready()`` is true.

        ``settings`` override the inherited environment. Pass secrets as ``NAME_FILE``, because
        the values are visible in the process list. Raises :class:`ChildFailed` if it dies or is
        not ready within ``seconds``.
        """
        log = self._log(name)
        with log.open("ab") as output:
            begins_at = output.tell()
            process = subprocess.Popen(
                [*_environment(settings or {}), *command],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child = Child(name, log, begins_at, process, stop_signal)
        self._children.append(child)
        self._send_to_guardian(f"session {child.pid} {int(stop_signal)}")
        if ready is not None:
            self._await(child, ready, seconds)
        return child

    def run(
        self,
        name: str,
        command: Sequence[str],
        *,
        settings: Mapping[str, str] | None = None,
        folder: Path = PROJECT,
    ) -> str:
        """Run ``command`` to its end; returns what it printed.

        Raises :class:`ChildFailed` if it fails.
        """
        child = self.start(name, command, settings=settings, folder=folder)
        if child.process.wait():
            raise child.failed(f"failed with {child.ending()}")
        self._forget(child)
        return child.printed()

    def stop(self, child: Child, seconds: float = STOP_SECONDS) -> None:
        """Send a child its stop signal; after ``seconds`` kill it and all that it started."""
        if not child.died():
            signal_all([child.pid], child.stop_signal)
        with suppress(subprocess.TimeoutExpired):
            child.process.wait(seconds)
        self.kill(child)

    def stop_all(self) -> None:
        """Stop every child, the last started first: others may depend on the earlier ones."""
        for child in reversed(self._children.copy()):
            self.stop(child)

    def kill(self, child: Child) -> None:
        """Kill the child and everything it started with SIGKILL."""
        while members := session_members(child.pid):
            signal_all(members, signal.SIGKILL)
            if child.pid in members:
                child.process.wait()
            else:
                time.sleep(0.01)
        child.process.wait()
        self._forget(child)

    def check(self) -> None:
        """Raise :class:`ChildFailed` if a child has died."""
        for child in self._children:
            if child.died():
                raise child.failed(f"ended unexpectedly with {child.ending()}")

    def _log(self, name: str) -> Path:
        """The path of the child's log; a large one of earlier runs is renamed first."""
        log = self.logs / f"{name}.log"
        if log.exists() and log.stat().st_size > LARGE_LOG:
            log.replace(log.with_suffix(".log.1"))
        return log

    def _await(self, child: Child, ready: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not child.died():
            if ready():
                return
            if time.monotonic() > deadline:
                raise child.failed(f"was not ready after {seconds:.0f} s")
            time.sleep(0.05)
        raise child.failed(f"could not start: it ended with {child.ending()}")

    def _forget(self, child: Child) -> None:
        if child in self._children:
            self._children.remove(child)
            self._send_to_guardian(f"forget {child.pid}")

    def _send_to_guardian(self, line: str) -> None:
        stdin = self._guardian.stdin
        with suppress(BrokenPipeError):
            if stdin is not None:
                stdin.write(f"{line}\n".encode())
                stdin.flush()


def _environment(settings: Mapping[str, str]) -> list[str]:
    """An ``env`` command with these settings, which also removes the inherited variants."""
    names = {name.removesuffix("_FILE") for name in settings}
    unset = [word for name in sorted(names) for word in ("-u", name, "-u", f"{name}_FILE")]
    return ["env", *unset, *(f"{name}={value}" for name, value in settings.items())]
