"""The supervisor: nothing it started outlives it, however it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gitlab_links.local.guardian import session_members
from gitlab_links.local.services import python
from gitlab_links.local.supervisor import PROJECT, ChildFailed, Supervisor
from tests.hanging import HANGS

FAMILY = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], process_group=0)
print("family", os.getpid(), child.pid, flush=True)
time.sleep(60)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(60)
"""
SHOW_ENVIRONMENT = """
import os
print(sorted(pair for pair in os.environ.items() if pair[0].startswith(("SECRET_", "REDIS_"))))
"""
OUTER = """
import sys, time
from gitlab_links.local.services import python
from gitlab_links.local.supervisor import Supervisor
with Supervisor() as supervisor:
    child = supervisor.start("sleeper", python("-c", "import time; time.sleep(60)"))
    print(child.pid, supervisor.folder, flush=True)
    time.sleep(60)
"""


def wait_until(true: Callable[[], bool], seconds: float = HANGS) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def alive(pid: int) -> bool:
    return pid in session_members(os.getsid(pid)) if exists(pid) else False


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_leaving_ends_children_and_removes_the_folder() -> None:
    with Supervisor() as supervisor:
        child = supervisor.start("sleeper", python("-c", "import time; time.sleep(60)"))
        folder = supervisor.folder
        assert not child.died()

    assert child.died()
    assert not folder.exists()


def test_what_a_child_started_ends_with_it_even_in_a_process_group_of_its_own() -> None:
    with Supervisor() as supervisor:
        child = supervisor.start(
            "family",
            python("-c", FAMILY),
            ready=lambda: "family" in (supervisor.folder / "family.log").read_text(),
        )
        _, leader, grandchild = child.log.read_text().split()
        assert int(leader) == child.pid
        assert alive(int(grandchild))

        supervisor.kill(child)

        assert wait_until(lambda: not alive(int(grandchild)))


def test_a_child_that_ignores_sigterm_is_killed() -> None:
    with Supervisor() as supervisor:
        child = supervisor.start("stubborn", python("-c", STUBBORN), ready=lambda: True)
        assert wait_until(lambda: child.log.read_text() != "")

        supervisor.stop(child, seconds=0.2)

        assert child.process.returncode == -signal.SIGKILL


def test_a_supervisor_that_is_killed_leaves_no_process_and_no_folder() -> None:
    outer = subprocess.Popen(
        [sys.executable, "-c", OUTER], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    assert outer.stdout is not None
    pid, folder = outer.stdout.readline().split()
    assert alive(int(pid))

    outer.kill()
    outer.communicate()

    assert wait_until(lambda: not alive(int(pid)) and not Path(folder).exists())


def test_a_child_that_dies_is_named_with_the_end_of_its_log() -> None:
    with Supervisor() as supervisor:
        child = supervisor.start("oracle", python("-c", "print('no more'); raise SystemExit(3)"))
        child.process.wait()

        with pytest.raises(ChildFailed) as failure:
            supervisor.check()

    assert "'oracle' ended unexpectedly with exit code 3" in str(failure.value)
    assert "    no more" in str(failure.value)


def test_a_child_that_dies_before_it_is_ready_is_not_waited_for() -> None:
    started = time.monotonic()
    with Supervisor() as supervisor, pytest.raises(ChildFailed, match="could not start"):
        supervisor.start("oracle", python("-c", "raise SystemExit(3)"), ready=lambda: False)

    assert time.monotonic() - started < HANGS


def test_a_child_that_is_never_ready_is_given_up() -> None:
    sleep = python("-c", "import time; time.sleep(60)")
    with Supervisor() as supervisor, pytest.raises(ChildFailed, match="not ready after"):
        supervisor.start("sleeper", sleep, ready=lambda: False, seconds=0.2)


def test_a_command_that_fails_says_so() -> None:
    with Supervisor() as supervisor:
        supervisor.run("fine", python("-c", "pass"))
        with pytest.raises(ChildFailed, match="'broken' failed with exit code 1"):
            supervisor.run("broken", python("-c", "raise SystemExit(1)"))


def test_settings_replace_what_the_shell_says_and_its_file_variant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECRET_KEY", "of the shell")
    monkeypatch.setenv("REDIS_URL_FILE", "/of/the/shell")
    with Supervisor() as supervisor:
        supervisor.run(
            "show",
            python("-c", SHOW_ENVIRONMENT),
            settings={"SECRET_KEY_FILE": "/here", "REDIS_URL": "redis://here"},
        )
        shown = (supervisor.folder / "show.log").read_text().strip()

    assert shown == "[('REDIS_URL', 'redis://here'), ('SECRET_KEY_FILE', '/here')]"
