"""The control API: what the demo and the benchmarks want of an instance in another process."""

import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import requests
from werkzeug.test import Client

from gitlab_links.demo.gitlab import SimulatedGitLab, create_gitlab
from gitlab_links.demo.gitlab.control import OPERATIONS
from gitlab_links.demo.gitlab.records import Project, User
from tests.demo.conftest import TOKEN, Receiver, client_of
from tests.hanging import HANGS

ITEM = {"project": "acme/tools/press", "type": "issue", "iid": 1}


def operate(sim: SimulatedGitLab, operation: str, **arguments: Any) -> Any:
    answer = requests.post(f"{sim.url}/-/sim/{operation}", json=arguments, timeout=HANGS)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_it_lists_its_operations(sim: SimulatedGitLab) -> None:
    told = requests.get(f"{sim.url}/-/sim/", timeout=HANGS).json()["operations"]
    assert told.keys() == OPERATIONS.keys()
    assert all(told.values())


def test_items_are_changed_and_commented_upon(
    sim: SimulatedGitLab,
    project: Project,
    dana: User,
    hooked: Callable[..., Any],
    receiver: Receiver,
) -> None:
    sim.state.items.add_issue(project, "One", author=dana)
    hooked()
    operate(sim, "edit", **ITEM, title="Two", at="2026-01-02T03:04:05+00:00")
    operate(sim, "edit", **ITEM, title="Three", notify=False)
    operate(sim, "comment", **ITEM, text="Done")
    edited, commented = (request.json for request in receiver.wait_for(2))
    assert edited["object_attributes"]["updated_at"].startswith("2026-01-02T03")
    assert (commented["object_attributes"]["note"], commented["issue"]["title"]) == (
        "Done", "Three",
    )  # fmt: skip


def test_hooks_latency_and_rate_limit_are_set_from_outside(
    sim: SimulatedGitLab, project: Project
) -> None:
    hook = operate(sim, "add_hook", project=project.id, url="http://x.example", note_events=True)
    assert "note_events" in sim.state.hooks.by_id[hook["id"]].enabled
    operate(sim, "latency", seconds=0.05)
    operate(sim, "rate_limit", limit=7)
    assert (sim.state.faults.latency, sim.state.calls.limit) == (0.05, 7)


def test_calls_are_counted_by_route_and_project_and_forgotten_on_request(
    sim: SimulatedGitLab, project: Project
) -> None:
    issues = client_of(sim, TOKEN).projects.get(project.id, lazy=True).issues
    issues.list(get_all=False)
    issues.list(get_all=False)
    told = requests.get(f"{sim.url}/-/sim/calls", timeout=HANGS).json()
    route = {"method": "GET", "route": "/projects/:id/issues", "project_id": project.id}
    assert told == {"total": 2, "calls": [route | {"count": 2}]}
    operate(sim, "reset_calls")
    assert requests.get(f"{sim.url}/-/sim/calls", timeout=HANGS).json()["total"] == 0


def test_bulk_makes_twenty_projects_of_a_hundred_issues_in_one_call(sim: SimulatedGitLab) -> None:
    made = operate(sim, "bulk", projects=20, issues=100)["projects"]
    assert len(made) == 20
    issues = client_of(sim, TOKEN).projects.get(made[19]["id"], lazy=True).issues
    assert len(issues.list(per_page=100, get_all=False)) == 100


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("edit", {"project": "acme/none", "iid": 1}),
        ("edit", ITEM | {"colour": "red"}),
        ("comment", ITEM),
        ("latency", {"seconds": "long"}),
    ],
)
def test_what_does_not_fit_is_a_400_with_a_reason(
    sim: SimulatedGitLab, project: Project, dana: User, operation: str, arguments: dict[str, Any]
) -> None:
    sim.state.items.add_issue(project, "One", author=dana)
    answer = requests.post(f"{sim.url}/-/sim/{operation}", json=arguments, timeout=HANGS)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_only_this_machine_may_control_it(sim: SimulatedGitLab) -> None:
    client = Client(create_gitlab(sim.state))
    for address, status in (("127.0.0.1", 200), ("::1", 200), ("192.0.2.7", 403)):
        answer = client.get("/-/sim/", environ_base={"REMOTE_ADDR": address})
        assert answer.status_code == status
    strange = client.post("/-/sim/reset_calls", json={}, headers={"Origin": "http://evil.example"})
    assert strange.status_code == 403


@pytest.mark.processes
def test_as_a_process_it_says_where_it_is_and_stops_when_asked() -> None:
    command = [sys.executable, "-m", "gitlab_links.demo.gitlab", "--token", TOKEN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().removeprefix("Simulated GitLab: ").strip()
            assert url.startswith("http://127.0.0.1:")
            headers = {"Authorization": f"Bearer {TOKEN}"}
            project = requests.get(
                f"{url}/api/v4/projects/acme%2Fweb-shop", headers=headers, timeout=HANGS
            )
            assert project.json()["web_url"] == f"{url}/acme/web-shop"
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=HANGS) == 0
