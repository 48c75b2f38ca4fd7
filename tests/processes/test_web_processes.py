"""gunicorn with two processes: forks of one that has loaded the service."""

import os
import signal

import pytest

from gitlab_links.local.processes import answers, start_web
from gitlab_links.local.services import free_port, python
from gitlab_links.local.supervisor import Supervisor
from tests.hanging import HANGS
from tests.patience import within
from tests.soak.outages import is_alive
from tests.soak.stage import pids_below

pytestmark = [pytest.mark.processes, pytest.mark.only_on("sqlite")]


@pytest.fixture(scope="module")
def served(environment, database):
    """A gunicorn that gives up on a process after so many seconds without a sign of life, which
    a busy machine takes for loading the service; and its port.
    """
    hurried = {**environment, "GUNICORN_CMD_ARGS": "--timeout 15"}
    with Supervisor() as supervisor:
        port = free_port()
        web = start_web(supervisor, hurried, port, workers=2)
        # It answers as soon as the first of its forks does.
        within(HANGS, lambda: are_complete(web, set()))
        yield web, port


@pytest.fixture
def web(served):
    """One for all that let it live: each test leaves it complete."""
    web, port = served
    yield web
    within(HANGS, lambda: are_complete(web, set()))
    within(HANGS, lambda: answers(port))


def members(web):
    """The process that has loaded the service, and its forks."""
    _, loaded, *forks = pids_below(web.pid)
    return loaded, set(forks)


def are_complete(web, without):
    _, *found = pids_below(web.pid)
    return len(found) == 3 and not without & set(found)


def test_a_fork_that_is_killed_is_replaced_by_the_same_parent(web):
    loaded, forks = members(web)
    assert len(forks) == 2
    victim = min(forks)
    os.kill(victim, signal.SIGKILL)
    within(HANGS, lambda: are_complete(web, {victim}))
    assert members(web)[0] == loaded
    assert forks - {victim} <= members(web)[1]


def test_a_fork_that_hangs_is_replaced(web):
    _, forks = members(web)
    victim = max(forks)
    os.kill(victim, signal.SIGSTOP)
    within(HANGS, lambda: are_complete(web, {victim}))


def test_without_their_parent_all_are_replaced(web):
    loaded, forks = members(web)
    os.kill(loaded, signal.SIGKILL)
    within(HANGS, lambda: are_complete(web, {loaded, *forks}))
    within(HANGS, lambda: not any(is_alive(pid) for pid in forks))


def test_a_reload_loads_the_service_again(web):
    loaded, forks = members(web)
    web.process.send_signal(signal.SIGHUP)
    within(HANGS, lambda: are_complete(web, {loaded, *forks}))
    within(HANGS, lambda: not any(is_alive(pid) for pid in (loaded, *forks)))


def test_sigterm_ends_all_of_them(environment, processes, database):
    web = start_web(processes, environment, free_port(), workers=2)
    loaded, forks = members(web)
    web.process.terminate()
    assert web.process.wait(HANGS) == 0
    assert not any(is_alive(pid) for pid in (loaded, *forks))


def test_sigterm_while_the_service_is_being_loaded_ends_all(environment, processes, database):
    address = f"127.0.0.1:{free_port()}"
    command = ["-m", "gunicorn", "wsgi:app", "--bind", address, "--workers", "2"]
    web = processes.start("web", python(*command), settings=environment)
    within(HANGS, lambda: "Booting worker" in web.log.read_text())
    below = pids_below(web.pid)
    web.process.terminate()
    assert web.process.wait(HANGS) == 0
    assert not any(is_alive(pid) for pid in below)
