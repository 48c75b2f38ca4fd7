"""A command that runs processes until Ctrl-C, SIGTERM or the death of one of them."""

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
    """What was started cannot be used; the text says why."""


class Stopped(BaseException):
    """Somebody asked us to end: no error, and nothing that ``except Exception`` may catch."""


def say(line: str = "") -> None:
    """Print at once: whoever reads may be waiting for the line."""
    print(line, flush=True)


def run_until_stopped(
    port: int, start: Callable[[Supervisor], None], *, logs: Path | None = None
) -> int:
    """Call ``start``, then mind what it started; gives the exit code.

    However it ends, the processes are gone and their folder with them; ``logs`` stay.
    """
    if not port_is_free(LOOPBACK, port):
        say(f"Port {port} is taken. Add another one to the command, for example PORT={port + 1}.")
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
    # Once is enough: a second Ctrl-C must not interrupt the ending of the processes.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise Stopped
