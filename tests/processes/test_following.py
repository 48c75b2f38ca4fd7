"""The main job with two web processes and two ``worker.py``: a link follows its item."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from redis import Redis

from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.demo.gitlab.records import Item
from gitlab_links.demo.rest_api import RestApi
from gitlab_links.local import processes as service
from gitlab_links.local.services import LOOPBACK, free_port
from gitlab_links.local.supervisor import Supervisor
from tests.conftest import GITLAB_TOKEN
from tests.databases import Database
from tests.factories import Factory
from tests.hanging import HANGS
from tests.patience import equal_within

pytestmark = pytest.mark.processes

TTL_SECONDS = 4
SECRET = "webhook-secret-of-the-tests"


@dataclass
class Following:
    """A link to an issue, seen from both ends."""

    api: RestApi
    gitlab: SimulatedGitLab
    issue: Item
    link_path: str

    def shown(self) -> dict[str, Any]:
        link: dict[str, Any] = self.api.get(self.link_path)["link"]
        return link

    def title(self) -> Any:
        return self.shown()["title"]

    def edit(self, **changes: Any) -> None:
        self.gitlab.state.items.edit(self.issue, **changes)


@pytest.fixture(scope="module")
def service_url(environment: dict[str, str], database: Database, redis_url: str) -> Iterator[str]:
    """Two web processes and two ``worker.py`` on a database and a Redis of their own."""
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    changed = {"GITLAB_METADATA_TTL_SECONDS": str(TTL_SECONDS), "PUBLIC_BASE_URL": url}
    workers = 2 * (int(environment["WORKER_PROCESSES"]) + 1)
    with Supervisor() as supervisor, Redis.from_url(redis_url) as redis:
        redis.flushdb()  # also of workers that other tests have killed
        service.start_web(supervisor, environment | changed, port, workers=2)
        for name in ("worker-a", "worker-b"):
            service.start_worker(supervisor, environment | changed, name=name)
        equal_within(HANGS, lambda: redis.scard("rq:workers"), workers)
        yield url
        supervisor.check()


@pytest.fixture
def following(service_url: str, factory: Factory, gitlab: SimulatedGitLab) -> Following:
    """An org set up through the API, and a link that has been brought up to date once."""
    org = factory.org()
    api, org_path, state = (
        RestApi(service_url, factory.api_key(org)),
        f"/orgs/{org.id}",
        gitlab.state,
    )
    for username, name in {"dana": "Dana Moss", "eli": "Eli Roth"}.items():
        state.people.add_user(username, name)
    project = state.projects.add("acme/tools/press")
    issue = state.items.add_issue(
        project, title="Paper jams", author="dana", labels=["bug"], assignees=["dana"]
    )
    configuration = {"base_url": gitlab.url, "token": GITLAB_TOKEN, "webhook_secret": SECRET}
    connection = api.patch(f"{org_path}/integrations/gitlab", configuration)["gitlab"]
    state.hooks.add(project, connection["webhook_url"], token=SECRET, issues_events=True)
    task = api.post(f"{org_path}/tasks", {"title": "Print again"})["task"]
    links_path = f"{org_path}/tasks/{task['id']}/gitlab-links"
    link = api.post(links_path, {"url": state.urls.item(issue)})["link"]
    found = Following(api, gitlab, issue, f"{links_path}/{link['id']}")
    equal_within(HANGS, found.title, "Paper jams")
    return found


def test_a_new_link_shows_its_item(following: Following) -> None:
    shown = following.shown()

    assert (shown["state"], shown["sync"]["status"]) == ("opened", "ok")
    assert [label["name"] for label in shown["labels"]] == ["bug"]
    assert shown["assignees"] == [{"username": "dana", "name": "Dana Moss"}]


def test_a_webhook_brings_a_change(following: Following) -> None:
    """Nothing else does: the scheduled refresh meets a GitLab that is broken."""
    following.gitlab.state.faults.answer(status=503)
    following.edit(title="Paper tears", labels=["bug", "urgent"], assignees=["eli"])

    equal_within(HANGS, following.title, "Paper tears")
    shown = following.shown()
    assert {label["name"] for label in shown["labels"]} == {"bug", "urgent"}
    assert shown["assignees"] == [{"username": "eli", "name": "Eli Roth"}]

    following.gitlab.state.items.close(following.issue)
    equal_within(HANGS, lambda: following.shown()["state"], "closed")


def test_a_change_without_webhook_is_there_within_the_ttl(following: Following) -> None:
    following.gitlab.state.faults.webhooks.drop_next = 1
    following.edit(title="Paper tears")

    equal_within(HANGS, following.title, "Paper tears")
    assert following.gitlab.state.faults.webhooks.dropped == 1, "this was the webhook after all"


def test_work_that_redis_forgot_is_done_nevertheless(following: Following, redis: Redis) -> None:
    redis.flushdb()
    following.edit(title="Paper tears")
    redis.flushdb()

    equal_within(HANGS, following.title, "Paper tears")


def test_a_groups_hook_links_a_mention_in_a_project_that_nobody_has_linked(
    following: Following,
) -> None:
    state, bearer = following.gitlab.state, {"Authorization": f"Bearer {GITLAB_TOKEN}"}
    project = state.projects.add("acme/other/unknown")
    org_path = following.link_path.partition("/tasks/")[0]
    task = following.api.post(f"{org_path}/tasks", {"title": "Spare rollers"})["task"]
    connection = following.api.get(f"{org_path}/integrations/gitlab")["gitlab"]
    hooks = f"{following.gitlab.url}/api/v4/groups/acme%2Fother/hooks"
    made = {"url": connection["webhook_url"], "token": SECRET, "merge_requests_events": True}
    hook = requests.post(hooks, json=made, headers=bearer, timeout=HANGS)
    assert (hook.status_code, hook.json()["alert_status"]) == (201, "executable")

    state.items.add_merge_request(
        project, f"Closes {task['reference']}", author="root", source_branch="rollers"
    )

    links = f"{org_path}/tasks/{task['id']}/gitlab-links"
    shown = ("Closes " + task["reference"], ["title"], True)
    equal_within(
        HANGS, lambda: [_described(one) for one in following.api.get(links)["links"]], [shown]
    )


def _described(link: dict[str, Any]) -> tuple[Any, ...]:
    return link["title"], link["provenance"]["mentioned_in"], link["provenance"]["closes"]
