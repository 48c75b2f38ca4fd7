"""What a newcomer types: ``make demo`` and ``make run``, as the commands behind them."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from gitlab_links.config.settings import INSTANCE
from gitlab_links.demo.rest_api import RestApi
from gitlab_links.demo.sample_tasks import TASKS
from gitlab_links.local.guardian import processes, session_members
from gitlab_links.local.services import LOOPBACK, free_port, listens, python
from gitlab_links.local.supervisor import PROJECT
from tests.hanging import HANGS
from tests.patience import equal_within, within

pytestmark = pytest.mark.processes

READY = re.compile(r"Ready: (\S+) login (\S+) password (\S+) API key (\S+)")


@dataclass
class Command:
    """A running command; ``said`` is what it has printed so far."""

    process: subprocess.Popen[str]
    port: int
    said: str = ""

    def read_until(self, text: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            if text in line:
                return line
        pytest.fail(f"ended without saying {text!r}:\n{self.said}")

    def end(self) -> int:
        """Wait for the end of the process; gives its exit code."""
        rest, _ = self.process.communicate(timeout=HANGS)
        self.said += rest
        return self.process.returncode


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], Command]]:
    """Starts a module on a free port; whatever it leaves in its temporary folder is seen."""
    started: list[Command] = []
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    def begin(module: str, port: int | None = None) -> Command:
        port = port or free_port()
        process = subprocess.Popen(
            python("-m", module, "--port", str(port)),
            cwd=PROJECT,
            env=os.environ | {"TMPDIR": str(temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(Command(process, port))
        return started[-1]

    yield begin
    for command in started:
        command.process.kill()
        command.process.communicate()


@contextmanager
def nothing_left(command: Command, folder: Path) -> Iterator[None]:
    """What runs now is gone afterwards, and so are the temporary folders."""
    leaders = children_of(command.process.pid)
    assert len(leaders) >= 3, "web, worker and the guardian at least"
    yield
    equal_within(HANGS, lambda: [pid for leader in leaders for pid in session_members(leader)], [])
    assert list(folder.iterdir()) == []
    assert not listens(command.port)


def children_of(parent: int) -> list[int]:
    return [pid for pid, its_parent, _ in processes() if its_parent == parent]


def child_running(program: str, command: Command) -> int:
    """The child that was started with ``program`` on its command line."""
    (found,) = (pid for pid in children_of(command.process.pid) if program in command_line(pid))
    return found


def command_line(pid: int) -> str:
    listed = Path(f"/proc/{pid}/cmdline")
    if listed.exists():
        return listed.read_text()
    answer = subprocess.run(["ps", "-o", "args=", "-p", str(pid)], capture_output=True, check=True)
    return answer.stdout.decode()


def follow(command: Command) -> None:
    """The demo's promise: an item is edited in GitLab, and the task shows it."""
    line = READY.match(command.read_until("Ready:"))
    assert line is not None
    url, _, _, key = line.groups()
    item_page = re.search(r"Edit its issue in (\S+)", command.read_until("Edit its issue"))
    assert item_page is not None
    gitlab_url, _, item = item_page.group(1).partition("/acme/")
    api = RestApi(url, key)
    (org,) = api.get("/orgs")["orgs"]
    tasks = api.get(f"/orgs/{org['id']}/tasks")["tasks"]
    assert {task["title"] for task in tasks} == {task.title for task in TASKS}
    first = next(task for task in tasks if task["reference"] == "ACME-1")
    links_path = f"/orgs/{org['id']}/tasks/{first['id']}/gitlab-links"
    assert [link["sync"]["status"] for link in api.get(links_path)["links"]] == ["ok", "ok"]

    project, iid = f"acme/{item}".split("/-/issues/")
    edit = {"project": project, "type": "issue", "iid": int(iid), "title": "Watched"}
    requests.post(f"{gitlab_url}/-/sim/edit", json=edit, timeout=HANGS).raise_for_status()

    within(HANGS, lambda: "Watched" in [link["title"] for link in api.get(links_path)["links"]])


def test_the_demo_follows_an_edit_and_leaves_nothing(
    start: Callable[[str], Command], tmp_path: Path
) -> None:
    demo = start("gitlab_links.demo")
    follow(demo)

    with nothing_left(demo, tmp_path / "temporary"):
        demo.process.send_signal(signal.SIGINT)
        assert demo.end() == 0


def test_a_demo_that_is_killed_leaves_nothing_either(
    start: Callable[[str], Command], tmp_path: Path
) -> None:
    demo = start("gitlab_links.demo")
    demo.read_until("Ready:")

    with nothing_left(demo, tmp_path / "temporary"):
        demo.process.kill()
        demo.end()


def test_the_demo_says_which_of_its_processes_died(
    start: Callable[[str], Command], tmp_path: Path
) -> None:
    demo = start("gitlab_links.demo")
    demo.read_until("Ready:")

    with nothing_left(demo, tmp_path / "temporary"):
        os.kill(child_running("worker.py", demo), signal.SIGKILL)
        assert demo.end() == 1

    assert "'worker' ended unexpectedly with SIGKILL. The end of its log:" in demo.said


def test_the_service_alone_shares_its_settings_with_the_commands_beside_it(
    start: Callable[[str], Command], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{kept / 'service.db'}")
    monkeypatch.setenv("SECRET_KEY", "of this test alone")
    monkeypatch.setenv("REDIS_URL", f"redis://{LOOPBACK}:{free_port()}/0")  # nobody listens there
    run = start("gitlab_links.local")
    run.read_until("bootstrap --email")
    assert "  Settings: the environment" in run.said
    monkeypatch.delenv("REDIS_URL")

    with nothing_left(run, tmp_path / "temporary"):
        ready = requests.get(f"http://127.0.0.1:{run.port}/readyz", timeout=HANGS)
        assert ready.json() == {"status": "ok", "database": "ok", "redis": "ok"}
        # The workers have registered themselves some seconds after the start.
        within(HANGS, lambda: "FAIL" not in flask("doctor").stdout)
        assert f"PUBLIC_BASE_URL is http://127.0.0.1:{run.port}" in flask("doctor").stdout
        run.process.send_signal(signal.SIGTERM)
        assert run.end() == 0

    assert (kept / "service.db").exists()
    assert "Listening at" in (INSTANCE / "logs" / "web.log").read_text()
    assert "FAIL  redis" in flask("doctor").stdout


def flask(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        python("-m", "flask", "--app", "wsgi", *command),
        cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("module", ["gitlab_links.demo", "gitlab_links.local"])
def test_a_port_that_is_taken_is_told_before_anything_starts(
    start: Callable[..., Command], tmp_path: Path, module: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = start(module, taken.getsockname()[1])

        assert command.end() == 1

    assert command.said.startswith(f"Port {command.port} is in use.")
    assert list((tmp_path / "temporary").iterdir()) == []
