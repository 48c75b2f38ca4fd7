"""Whatever can be wrong with a GitLab can be had on demand, and ends on demand."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import gitlab
import pytest
import requests

from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.demo.gitlab.records import Project, User
from tests.demo.conftest import TOKEN, Receiver
from tests.frozen_clock import FrozenClock
from tests.hanging import HANGS
from tests.patience import equal_within


def ask(sim: SimulatedGitLab, path: str = "user", **options: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    options = {"timeout": HANGS, "allow_redirects": False} | options
    return requests.get(f"{sim.url}/api/v4/{path}", headers=headers, **options)


@pytest.mark.parametrize("status", [401, 403, 404, 409, 500])
def test_a_status_comes_with_the_body_gitlab_gives_it(sim: SimulatedGitLab, status: int) -> None:
    sim.state.faults.answer(status=status)
    answer = ask(sim)
    assert answer.status_code == status
    assert answer.json()["message"].startswith(str(status))
    assert ask(sim).status_code == 200


def test_a_bad_gateway_is_a_page(sim: SimulatedGitLab) -> None:
    sim.state.faults.answer(status=502)
    answer = ask(sim)
    assert (answer.status_code, answer.headers["Content-Type"][:9]) == (502, "text/html")


@pytest.mark.parametrize("retry_after", ["17", "Wed, 21 Oct 2026 07:28:00 GMT", None])
def test_too_many_requests_is_plain_text_with_or_without_retry_after(
    sim: SimulatedGitLab, retry_after: str | None
) -> None:
    sim.state.faults.answer(status=429, retry_after=retry_after)
    answer = ask(sim)
    assert (answer.status_code, answer.text) == (429, "Retry later\n")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.headers.get("Retry-After") == retry_after
    assert answer.headers["RateLimit-Remaining"] == "0"
    assert answer.headers["RateLimit-ResetTime"].endswith("GMT")


def test_the_rate_limit_is_told_and_kept(
    sim: SimulatedGitLab, client: gitlab.Gitlab, clock: FrozenClock
) -> None:
    sim.state.calls.limit = 3
    minute = clock.current.replace(second=0, microsecond=0)
    clock.current = minute + timedelta(seconds=20)
    left = [int(ask(sim).headers["RateLimit-Remaining"]) for _ in range(3)]
    assert left == [2, 1, 0]
    refused = ask(sim)
    assert refused.status_code == 429
    assert int(refused.headers["RateLimit-Reset"]) == minute.timestamp() + 60
    assert refused.headers["Retry-After"] == "40"
    with pytest.raises(gitlab.exceptions.GitlabHttpError) as limited:
        client.http_get("/user", obey_rate_limit=False)
    assert limited.value.response_code == 429
    clock.advance(40)
    assert ask(sim).status_code == 200


def test_a_page_instead_of_json_is_a_parsing_error_to_the_client(
    sim: SimulatedGitLab, project: Project, client: gitlab.Gitlab
) -> None:
    sim.state.faults.answer("html")
    with pytest.raises(gitlab.exceptions.GitlabParsingError):
        client.projects.get(project.id, lazy=True).issues.list(get_all=False)


def test_truncated_and_empty_answers_are_no_json(sim: SimulatedGitLab) -> None:
    for kind in ("truncated", "empty"):
        sim.state.faults.answer(kind)
        answer = ask(sim)
        assert answer.status_code == 200
        with pytest.raises(json.JSONDecodeError):
            json.loads(answer.text)


def test_a_large_answer_has_ten_megabytes(sim: SimulatedGitLab) -> None:
    sim.state.faults.answer("large")
    assert len(ask(sim).content) > 10_000_000


def test_a_gzip_bomb_is_small_on_the_wire_and_has_no_end_after(sim: SimulatedGitLab) -> None:
    sim.state.faults.answer("gzip_bomb")
    with ask(sim, stream=True) as answer:
        assert int(answer.headers["Content-Length"]) < 2_000_000
        unpacked = 0
        for chunk in answer.iter_content(1_000_000):
            unpacked += len(chunk)
            if unpacked > 30_000_000:
                break
        assert unpacked > 30_000_000


def test_a_drip_keeps_the_connection_alive_for_a_long_time(
    sim: SimulatedGitLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    noting = SimpleNamespace(sleep=waits.append)
    monkeypatch.setattr("gitlab_links.demo.gitlab.rest.misbehaviour.time", noting)
    sim.state.faults.answer("drip", seconds=0.05)
    with ask(sim, stream=True) as answer:
        bytes_one_by_one = answer.iter_content(1)
        dripped = b"".join(next(bytes_one_by_one) for _ in range(12))
    assert dripped == b"[" + b" " * 11
    assert len(waits) >= 11 and set(waits) == {0.05}


def test_a_closed_connection_has_no_answer_at_all(sim: SimulatedGitLab) -> None:
    sim.state.faults.answer("close")
    with pytest.raises(requests.ConnectionError):
        ask(sim)
    assert ask(sim).status_code == 200


def test_a_redirect_leads_in_a_circle_or_to_another_host(sim: SimulatedGitLab) -> None:
    sim.state.faults.answer("redirect", times=None)
    with pytest.raises(requests.TooManyRedirects):
        ask(sim, allow_redirects=True)
    sim.state.faults.clear()
    sim.state.faults.answer("redirect", location="http://other.example/api/v4/user")
    assert ask(sim).headers["Location"] == "http://other.example/api/v4/user"


def test_a_fault_may_be_for_one_route_or_project_and_ends_when_cleared(
    sim: SimulatedGitLab, project: Project
) -> None:
    other = sim.state.projects.add("acme/other")
    sim.state.faults.answer(status=500, times=None, route="/issues", project_id=project.id)
    statuses = {
        path: ask(sim, path).status_code
        for path in ("user", f"projects/{project.id}/issues", f"projects/{other.id}/issues")
    }
    assert list(statuses.values()) == [200, 500, 200]
    assert ask(sim, f"projects/{project.id}/issues").status_code == 500
    sim.state.faults.clear()
    assert ask(sim, f"projects/{project.id}/issues").status_code == 200


def test_sixteen_slow_calls_at_once_do_not_wait_for_one_another(sim: SimulatedGitLab) -> None:
    """All have come before the first is answered, which is when the latency is taken back."""
    sim.state.faults.latency = HANGS
    before = sim.state.calls.total()
    with ThreadPoolExecutor(16) as pool:
        answers = [pool.submit(ask, sim) for _ in range(16)]
        equal_within(HANGS, lambda: sim.state.calls.total() - before, 16)
        assert not any(answer.done() for answer in answers)
        sim.state.faults.latency = 0.0
    assert [answer.result().status_code for answer in answers] == [200] * 16


def test_webhooks_are_lost_on_demand(
    sim: SimulatedGitLab,
    project: Project,
    dana: User,
    hooked: Callable[..., Any],
    receiver: Receiver,
) -> None:
    issue = sim.state.items.add_issue(project, "0", author=dana)
    hooked()
    sim.state.faults.webhooks.drop_next = 2
    for number in range(1, 4):
        sim.state.items.edit(issue, title=str(number))
    assert receiver.next().json["object_attributes"]["title"] == "3"
    sim.state.faults.clear()
    sim.state.faults.webhooks.drop_every = 3
    for number in range(6):
        sim.state.items.edit(issue, title=f"again {number}")
    titles = [r.json["object_attributes"]["title"] for r in receiver.wait_for(4)]
    assert titles == ["again 0", "again 1", "again 3", "again 4"]
    assert sim.state.faults.webhooks.dropped == 2
