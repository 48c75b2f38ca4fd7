"""A slow GitLab, and workers that are killed midway, with two web processes and a ``worker.py``."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from redis import Redis
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from gitlab_links.accounts.models import Org
from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.demo.rest_api import RestApi
from gitlab_links.job_triggers import JobKind
from gitlab_links.local import processes as service
from gitlab_links.local.services import LOOPBACK, free_port
from gitlab_links.local.supervisor import Supervisor
from tests.conftest import GITLAB_TOKEN
from tests.databases import Database
from tests.factories import Factory
from tests.hanging import HANGS
from tests.held_answers import hold_answers
from tests.patience import equal_within, within

pytestmark = pytest.mark.processes

ANSWER_SECONDS = 4.5
SECRET = "webhook-secret-of-the-tests"
AT_ONCE = 20
# The lease of an operation, and a machine that is busy.
NOTICED_SECONDS = 30 + HANGS


@pytest.fixture(scope="module")
def service_url(environment: dict[str, str], database: Database, redis_url: str) -> Iterator[str]:
    """Two web processes and a ``worker.py`` on a database and a Redis of their own."""
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    changed = {"PUBLIC_BASE_URL": url, "GITLAB_TIMEOUT_SECONDS": "10"}
    with Supervisor() as supervisor, Redis.from_url(redis_url) as redis:
        redis.flushdb()  # also of workers that other tests have killed
        service.start_web(supervisor, environment | changed, port, workers=2)
        service.start_worker(supervisor, environment | changed)
        equal_within(
            HANGS, lambda: redis.scard("rq:workers"), int(environment["WORKER_PROCESSES"]) + 1
        )
        yield url
        supervisor.check()


@dataclass
class Connected:
    """An org that is connected to the simulated GitLab, with a project that is linked."""

    org: Org
    api: RestApi
    gitlab: SimulatedGitLab
    redis: Redis
    root: str
    project_id: str
    task_id: str

    def hooks(self) -> int:
        return len(self.gitlab.state.hooks.by_id)

    def operation(self, asked: dict[str, Any]) -> dict[str, Any]:
        path = f"/orgs/{self.org.id}/operations/{asked['operation']['id']}"
        found: dict[str, Any] = self.api.get(path)["operation"]
        return found

    def kill_at(self, job: str) -> None:
        """Kill the worker that is at a job."""
        deadline = time.monotonic() + HANGS
        while time.monotonic() < deadline:
            for worker in SimpleWorker.all(connection=self.redis, serializer=JSONSerializer):
                found = worker.get_current_job()
                if found is not None and found.func_name == job and worker.pid is not None:
                    os.kill(worker.pid, signal.SIGKILL)
                    return
            time.sleep(0.02)
        raise AssertionError(f"nobody was at {job}")


@pytest.fixture
def connected(
    service_url: str, factory: Factory, gitlab: SimulatedGitLab, redis: Redis
) -> Connected:
    org = factory.org()
    api = RestApi(service_url, factory.api_key(org))
    root = f"/orgs/{org.id}/integrations/gitlab"
    api.patch(root, {"base_url": gitlab.url, "token": GITLAB_TOKEN, "webhook_secret": SECRET})
    issue = gitlab.state.items.add_issue(
        gitlab.state.projects.add("acme/press"), "Paper jams", author="root"
    )
    task = api.post(f"/orgs/{org.id}/tasks", {"title": "Print again"})["task"]
    links = f"/orgs/{org.id}/tasks/{task['id']}/gitlab-links"
    link = api.post(links, {"url": gitlab.state.urls.item(issue)})["link"]
    equal_within(HANGS, lambda: api.get(f"{links}/{link['id']}")["link"]["title"], "Paper jams")
    equal_within(HANGS, lambda: len(api.get(f"{root}/health")["health"]["projects"]), 1)
    (project,) = api.get(f"{root}/health")["health"]["projects"]
    return Connected(org, api, gitlab, redis, root, project["id"], task["id"])


@contextmanager
def validating(service_url: str, one: Connected, key: str) -> Iterator[Counter[int]]:
    """Many who press *Validate* at once, and go on pressing."""
    answers: Counter[int] = Counter()
    stop = threading.Event()

    def press() -> None:
        while not stop.is_set():
            answer = requests.post(
                f"{service_url}/api{one.root}/validate",
                headers={"Authorization": f"Bearer {key}"},
                timeout=60,
            )
            answers[answer.status_code] += 1
            stop.wait(0.5)

    threads = [threading.Thread(target=press) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_many_who_validate_hold_up_neither_webhooks_nor_pages_nor_health(
    service_url: str, connected: Connected, factory: Factory
) -> None:
    other = factory.org()
    headers = {"Authorization": f"Bearer {factory.api_key(other)}"}
    factory.connect(other, base_url="https://gitlab.example.com", webhook_secret=SECRET)
    webhook = f"{service_url}/api/orgs/{other.id}/integrations/gitlab/webhook"
    proof = {"X-Gitlab-Token": SECRET, "X-Gitlab-Event": "Issue Hook"}
    answered: list[object] = []
    faults, waited = connected.gitlab.state.faults, []
    faults.latency, faults.rewrite = ANSWER_SECONDS, answered.append
    with validating(service_url, connected, factory.api_key(connected.org)) as answers:
        time.sleep(2)
        for _ in range(15):
            for ask in (
                lambda: requests.get(f"{service_url}/healthz", timeout=HANGS),
                lambda: requests.get(f"{service_url}/login", timeout=HANGS),
                lambda: requests.get(
                    f"{service_url}/api/orgs/{other.id}/tasks", headers=headers, timeout=HANGS
                ),
                lambda: requests.post(webhook, json={}, headers=proof, timeout=HANGS),
            ):
                before = len(answered)
                answer = ask()
                assert answer.status_code < 500, answer.text
                waited.append(len(answered) > before)
    # Some are answered while GitLab answers somebody else, by chance.
    assert sum(waited) < len(waited) / 2, "they waited for somebody else's GitLab"
    assert answered
    assert set(answers) <= {200, 429, 503}, answers
    assert answers[200] >= 1
    assert answers[429] + answers[503] >= AT_ONCE - 2


@pytest.mark.only_on("sqlite")  # the end of a lease is waited for, and found alike on either
def test_a_repair_whose_worker_is_killed_says_so_and_makes_one_hook(
    connected: Connected,
) -> None:
    is_killed = hold_answers(connected.gitlab, "/test/")
    path = f"{connected.root}/projects/{connected.project_id}/hook"
    asked = connected.api.post(path, {})
    assert asked["operation"]["status"] == "queued"
    within(
        HANGS,
        lambda: (
            connected.operation(asked)["steps"][-1:] != []
            and connected.operation(asked)["steps"][-1]["step"] == "testing_the_webhook"
        ),
    )
    connected.kill_at(JobKind.OPERATE.job)
    assert connected.hooks() == 1
    is_killed.set()
    equal_within(NOTICED_SECONDS, lambda: connected.operation(asked)["status"], "failed")
    found = connected.operation(asked)
    assert found["error_code"] == "interrupted"
    assert "Press Create or Repair: if the webhook exists already" in found["error_detail"]
    again = connected.api.post(path, {})
    assert again["operation"]["id"] != asked["operation"]["id"]
    equal_within(HANGS, lambda: connected.operation(again)["status"], "done")
    assert connected.hooks() == 1


@pytest.mark.only_on("sqlite")
def test_a_rotation_whose_worker_is_killed_is_not_done_twice(connected: Connected) -> None:
    connected.gitlab.state.faults.latency = HANGS  # until the worker is killed
    asked = connected.api.post(f"{connected.root}/token/rotate", {})
    calls = connected.gitlab.state.calls
    equal_within(HANGS, lambda: calls.total("rotate"), 1)
    connected.kill_at(JobKind.OPERATE.job)
    again = connected.api.post(f"{connected.root}/token/rotate", {})
    assert again["operation"]["id"] == asked["operation"]["id"], "it is not known to be over yet"
    connected.gitlab.state.faults.latency = 0.0
    equal_within(NOTICED_SECONDS, lambda: connected.operation(asked)["status"], "failed")
    found = connected.operation(asked)
    assert found["error_code"] == "interrupted"
    assert "GitLab may have replaced the token" in found["error_detail"]
    assert calls.total("rotate") == 1
    # GitLab did replace it: the page shows the result of checking the current token.
    health = f"{connected.root}/health"
    within(
        HANGS,
        lambda: any(
            one["code"] == "auth_error" for one in connected.api.get(health)["health"]["findings"]
        ),
    )


def test_many_who_rotate_at_once_have_the_token_replaced_once(
    service_url: str, connected: Connected, factory: Factory
) -> None:
    connected.gitlab.state.faults.latency = HANGS  # until all have asked
    key = factory.api_key(connected.org)
    ids: list[str] = []

    def rotate() -> None:
        answer = RestApi(service_url, key).post(f"{connected.root}/token/rotate", {})
        ids.append(answer["operation"]["id"])

    threads = [threading.Thread(target=rotate) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    connected.gitlab.state.faults.latency = 0.0
    assert len(ids) == 8
    assert len(set(ids)) == 1
    asked = {"operation": {"id": ids[0]}}
    equal_within(HANGS, lambda: connected.operation(asked)["status"], "done")
    assert connected.api.post(f"{connected.root}/validate", {})["status"] == "valid"
