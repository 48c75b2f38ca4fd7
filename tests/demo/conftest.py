"""A running simulated GitLab, and a receiver that stands where the service's webhook would."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import gitlab
import pytest

from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.demo.gitlab.records import Project, User
from tests.hanging import HANGS
from tests.pages.browser.conftest import browser_type_launch_args, chromium
from tests.serving import served

__all__ = ["browser_type_launch_args", "chromium"]

TOKEN = "glpat-of-the-tests"


@dataclass
class Received:
    """One webhook request as it came over the wire."""

    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """Takes webhooks and answers with ``status``; ``status`` None hangs up without a word."""

    url: str = ""
    status: int | None = 200
    text: str = '{"status": "accepted"}'
    requests: list[Received] = field(default_factory=list)

    def wait_for(self, count: int, timeout: float = HANGS) -> list[Received]:
        deadline = time.monotonic() + timeout
        while len(self.requests) < count and time.monotonic() < deadline:
            time.sleep(0.005)
        assert len(self.requests) == count, [r.json["object_kind"] for r in self.requests]
        return self.requests

    def next(self) -> Received:
        """Wait for the one request there is to come, and forget it."""
        (request,) = self.wait_for(1)
        self.requests.clear()
        return request


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    here = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            here.requests.append(Received(dict(self.headers.items()), body))
            if here.status is None:
                self.connection.close()
                return
            self.send_response(here.status)
            self.end_headers()
            self.wfile.write(here.text.encode())

        def log_message(self, format: str, *args: Any) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here.url = f"http://127.0.0.1:{server.server_port}/webhook"
    with served(server):
        yield here


@pytest.fixture
def sim() -> Iterator[SimulatedGitLab]:
    """An instance without sample data; its ``root`` token is ``TOKEN``."""
    with SimulatedGitLab.start(token=TOKEN) as server:
        yield server


@pytest.fixture
def dana(sim: SimulatedGitLab) -> User:
    return sim.state.people.add_user("dana.moss", "Dana Moss")


@pytest.fixture
def project(sim: SimulatedGitLab, dana: User) -> Project:
    made = sim.state.projects.add("acme/tools/press")
    sim.state.projects.add_member(made, dana)
    return made


@pytest.fixture
def client(sim: SimulatedGitLab) -> gitlab.Gitlab:
    return client_of(sim, TOKEN)


@pytest.fixture
def hooked(sim: SimulatedGitLab, project: Project, receiver: Receiver) -> Callable[..., Any]:
    """Adds a hook to the project: all events of interest unless told otherwise."""

    def add(**settings: Any) -> Any:
        everything = {
            "issues_events": True,
            "confidential_issues_events": True,
            "merge_requests_events": True,
            "note_events": True,
            "confidential_note_events": True,
            "pipeline_events": True,
        }
        return sim.state.hooks.add(project, receiver.url, **(everything | settings))

    return add


def client_of(sim: SimulatedGitLab, token: str) -> gitlab.Gitlab:
    """python-gitlab as the service uses it: with a bearer."""
    return gitlab.Gitlab(sim.url, oauth_token=token, timeout=HANGS, keep_base_url=True)
