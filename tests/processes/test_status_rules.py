"""Status rules with two web processes and two ``worker.py``: webhooks change tasks, as told."""

from dataclasses import dataclass
from typing import Any

import pytest
from redis import Redis

from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.demo.gitlab.records import Item
from gitlab_links.demo.rest_api import RestApi
from tests.conftest import GITLAB_TOKEN
from tests.factories import Factory
from tests.processes.test_following import SECRET, service_url
from tests.processes.waiting import within

pytestmark = pytest.mark.processes

__all__ = ["service_url"]


@dataclass
class Ruled:
    """An org whose rules are on, by the API alone."""

    api: RestApi
    gitlab: SimulatedGitLab
    path: str

    def task(self, *items: Item, **fields: str) -> str:
        task: str = self.api.post(f"{self.path}/tasks", {"title": "Print", **fields})["task"]["id"]
        for item in items:
            url = self.gitlab.state.urls.item(item)
            self.api.post(f"{self.path}/tasks/{task}/gitlab-links", {"url": url})
        return task

    def merge_request(self, **fields: Any) -> Item:
        return self.gitlab.state.items.add_merge_request(
            "acme/press", title="Rollers", author="dana", source_branch="rollers", **fields
        )

    def status(self, task: str) -> str:
        found = self.api.get(f"{self.path}/tasks/{task}")["task"]
        return f"{found['status']} by {found['status_rule'] or 'hand'}"

    def changes(self, task: str) -> list[Any]:
        """What rules wrote, in its order."""
        path = f"{self.path}/tasks/{task}/events?types=task.status_changed"
        events = self.api.get(path)["events"]
        by_rule = [one for one in events if one["data"]["actor"]["kind"] == "rule"]
        return [one["data"]["changes"]["status"][1] for one in reversed(by_rule)]


@pytest.fixture
def ruled(service_url: str, factory: Factory, gitlab: SimulatedGitLab) -> Ruled:
    org = factory.org()
    api, path, state = RestApi(service_url, factory.api_key(org)), f"/orgs/{org.id}", gitlab.state
    state.people.add_user("dana", "Dana Moss")
    project = state.projects.add("acme/press")
    configuration = {"base_url": gitlab.url, "token": GITLAB_TOKEN, "webhook_secret": SECRET}
    hook = api.patch(f"{path}/integrations/gitlab", configuration)["gitlab"]["webhook_url"]
    state.hooks.add(project, hook, token=SECRET, merge_requests_events=True)
    api.patch(f"{path}/status-rules", {"wait_seconds": 1})
    api.post(f"{path}/status-rules/dry-run", None)
    rules = f"{path}/status-rules"
    within(10, lambda: api.get(rules)["rules"]["dry_run_complete"], wanted=True)
    api.post(f"{rules}/switch-on", None)
    return Ruled(api, gitlab, path)


def test_tasks_follow_their_merge_requests_once_each(ruled: Ruled, redis: Redis) -> None:
    items = ruled.gitlab.state.items
    first, second, shared = (ruled.merge_request() for _ in range(3))
    both = ruled.task(first, second)
    others = [ruled.task(shared) for _ in range(4)]
    for task in (both, *others):
        within(15, lambda task=task: ruled.status(task), "in_progress by started")
    items.close(first)
    items.reopen(first)
    items.merge(first)
    redis.flushdb()  # whatever was queued is lost
    items.merge(shared)
    for task in others:
        within(20, lambda task=task: ruled.status(task), "done by all_merged")
    assert ruled.status(both) == "in_progress by started"
    items.merge(second)
    within(20, lambda: ruled.status(both), "done by all_merged")
    assert ruled.changes(both) == ["in_progress", "done"]
    assert [ruled.changes(task) for task in others] == [["in_progress", "done"]] * 4


def test_what_a_person_decides_holds(ruled: Ruled) -> None:
    items = ruled.gitlab.state.items
    mr, another = ruled.merge_request(), ruled.merge_request()
    undone, pinned, by_hand = ruled.task(mr), ruled.task(), ruled.task(status="done")
    ruled.api.post(f"{ruled.path}/tasks/{pinned}/pin", None)
    url = ruled.gitlab.state.urls.item(mr)
    for task in (pinned, by_hand):
        ruled.api.post(f"{ruled.path}/tasks/{task}/gitlab-links", {"url": url})
    within(15, lambda: ruled.status(undone), "in_progress by started")
    items.merge(mr)
    within(20, lambda: ruled.status(undone), "done by all_merged")
    ruled.api.post(f"{ruled.path}/tasks/{undone}/undo-rule", None)
    items.edit(mr, title="Another title")
    witness = ruled.task(another)
    items.merge(another)
    within(20, lambda: ruled.status(witness), "done by all_merged")
    assert ruled.status(undone) == "in_progress by hand"
    assert ruled.status(pinned) == "open by hand"
    assert ruled.status(by_hand) == "done by hand"
