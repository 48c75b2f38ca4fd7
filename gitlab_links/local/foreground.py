"""Running processes until Ctrl-C, SIGTERM, or until one of them dies."""

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from gitlab_links.config.settings import ConfigError
from gitlab_links.local.services import LOOPBACK, NoRedis, port_is_free
from gitlab_links.local.supervisor import ChildFailed, Supervisor

CHECK_SECONDS = 0.5


class StartFailed(Exception):
    """A started process cannot be used; the text says why."""


class Stopped(BaseException):
    """A signal to stop: not an error, and not caught by ``except Exception``."""


def say(line: str = "") -> None:
    """Print and flush: a program may be waiting for the line."""
    print(line, flush=True)


def run_until_stopped(
    port: int, start: Callable[[Supervisor], None], *, logs: Path | None = None
) -> int:
    """Call ``start``, then wait until a signal or a dead child; returns the exit code.

    In any case the children are ended and their folder is removed; ``logs`` stay.
    """
    if not port_is_free(LOOPBACK, port):
        say(f"Port {port} is in use. Add another port to the command, such as PORT={port + 1}.")
        return 1
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        with Supervisor(logs) as supervisor:
            start(supervisor)
            while True:
                supervisor.check()
                time.sleep(CHECK_SECONDS)
    except Stopped:
        say("Stopped.")
        return 0
    except (ChildFailed, StartFailed, NoRedis, ConfigError) as problem:
        print(problem, file=sys.stderr, flush=True)
        return 1


def _stop(_number: int, _frame: FrameType | None) -> None:
    # A second Ctrl-C must not interrupt ending the children.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise Stopped
