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
from tests.hanging import HANGS
from tests.patience import equal_within, within
from tests.processes.test_following import SECRET, service_url

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
        self.link(task, *items)
        return task

    def link(self, task: str, *items: Item) -> None:
        for item in items:
            url = self.gitlab.state.urls.item(item)
            self.api.post(f"{self.path}/tasks/{task}/gitlab-links", {"url": url})

    def merge_request(self, title: str = "Rollers", **fields: Any) -> Item:
        return self.gitlab.state.items.add_merge_request(
            "acme/press", title=title, author="dana", source_branch="rollers", **fields
        )

    def key(self, task: str) -> str:
        found: str = self.api.get(f"{self.path}/tasks/{task}")["task"]["reference"]
        return found

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
    within(HANGS, lambda: api.get(rules)["rules"]["dry_run_complete"])
    api.post(f"{rules}/switch-on", None)
    return Ruled(api, gitlab, path)


def test_tasks_follow_their_merge_requests_once_each(ruled: Ruled, redis: Redis) -> None:
    items = ruled.gitlab.state.items
    first, second, shared = (ruled.merge_request() for _ in range(3))
    both = ruled.task(first, second)
    others = [ruled.task(shared) for _ in range(4)]
    for task in (both, *others):
        equal_within(HANGS, lambda task=task: ruled.status(task), "in_progress by started")
    items.close(first)
    items.reopen(first)
    items.merge(first)
    redis.flushdb()  # whatever was queued is lost
    items.merge(shared)
    for task in others:
        equal_within(HANGS, lambda task=task: ruled.status(task), "done by all_merged")
    assert ruled.status(both) == "in_progress by started"
    items.merge(second)
    equal_within(HANGS, lambda: ruled.status(both), "done by all_merged")
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
    equal_within(HANGS, lambda: ruled.status(undone), "in_progress by started")
    items.merge(mr)
    equal_within(HANGS, lambda: ruled.status(undone), "done by all_merged")
    ruled.api.post(f"{ruled.path}/tasks/{undone}/undo-rule", None)
    items.edit(mr, title="Another title")
    witness = ruled.task(another)
    items.merge(another)
    equal_within(HANGS, lambda: ruled.status(witness), "done by all_merged")
    assert ruled.status(undone) == "in_progress by hand"
    assert ruled.status(pinned) == "open by hand"
    assert ruled.status(by_hand) == "done by hand"


def test_histories_that_people_complain_about_end_as_they_expect(ruled: Ruled) -> None:
    state = ruled.gitlab.state
    items, fork = state.items, state.projects.add("stranger/press")
    bot = state.people.add_user("merge-bot", "Merge bot", bot=True)
    draft, dropped, first = (
        ruled.merge_request("Draft: Rollers"),
        *(ruled.merge_request() for _ in range(2)),
    )
    drafted, closed, reopened = (ruled.task(item) for item in (draft, dropped, first))
    by_text, by_stranger = ruled.task(), ruled.task()
    closing = ruled.merge_request(description=f"Closes {ruled.key(by_text)}")
    strange = ruled.merge_request(fork=fork, description=f"Closes {ruled.key(by_stranger)}")
    for task in (closed, reopened, by_text):
        equal_within(HANGS, lambda task=task: ruled.status(task), "in_progress by started")
    assert ruled.status(drafted) == "open by hand"
    assert ruled.status(by_stranger) == "open by hand"

    items.edit(draft, title="Rollers")
    items.close(dropped)
    for item in (first, closing, strange):
        items.merge(item, by=bot)
    for task in (reopened, by_text, by_stranger):
        equal_within(HANGS, lambda task=task: ruled.status(task), "done by all_merged")
    equal_within(HANGS, lambda: ruled.status(drafted), "in_progress by started")

    ruled.merge_request(f'Revert "{ruled.key(by_text)}"')
    ruled.link(reopened, ruled.merge_request())
    equal_within(HANGS, lambda: ruled.status(reopened), "in_progress by reopened")
    assert ruled.status(closed) == "in_progress by started"
    assert ruled.status(by_text) == "done by all_merged"
    assert ruled.changes(reopened) == ["in_progress", "done", "in_progress"]
