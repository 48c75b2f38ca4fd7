"""Secrets that go through all that the service does, and whoever sends them."""

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
from flask import Flask
from redis import Redis
from sqlalchemy import text

from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.extensions import db
from gitlab_links.job_triggers import JobKind
from tests.conftest import GITLAB_TOKEN
from tests.hanging import HANGS
from tests.patience import equal_within, within

EMAIL = "canary@example.com"
PASSWORD = "canary-password-4be1c2d97f"
WEBHOOK_SECRET = "canary-webhook-secret-90d1f7"
SIGNING_TOKEN = "whsec_" + base64.b64encode(b"canary-signing-key-0123456789abc").decode()
NOTIFY_PATH = "canary-notify-path-55aa01"
SET_IN_VAIN = "glpat-canary-set-in-vain-2f31"


@dataclass
class Browser:
    """A program and a person in one; ``heard`` is every answer in full."""

    url: str
    key: str
    org_id: str
    session: requests.Session = field(default_factory=requests.Session)
    heard: list[str] = field(default_factory=list)

    def api(self, method: str, path: str, *, shown_once: bool = False, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.key}", **options.pop("headers", {})}
        answer = requests.request(
            method,
            f"{self.url}/api/orgs/{self.org_id}/{path}",
            headers=headers,
            timeout=HANGS,
            **options,
        )
        if not shown_once:
            self._hear(answer)
        return answer

    def page(self, path: str) -> str:
        answer = self.session.get(f"{self.url}{path}", timeout=HANGS)
        self._hear(answer)
        return answer.text

    def submit(self, path: str, **form: str) -> requests.Response:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.page(path))
        assert found is not None
        answer = self.session.post(
            f"{self.url}{path}", data={"csrf_token": found.group(1), **form}, timeout=HANGS,
            allow_redirects=False,
        )  # fmt: skip
        self._hear(answer)
        return answer

    def _hear(self, answer: requests.Response) -> None:
        headers = {name: value for name, value in answer.headers.items() if name != "Set-Cookie"}
        self.heard.append(f"{answer.status_code} {headers} {answer.text}")


def go_through_everything(canary: Browser, gitlab: SimulatedGitLab) -> list[str]:
    """The whole life of a connection; gives the secrets that were made on the way."""
    config = {"base_url": gitlab.url, "token": GITLAB_TOKEN, "webhook_secret": WEBHOOK_SECRET}
    assert canary.api("PATCH", "integrations/gitlab", json=config).status_code == 200
    canary.submit("/login", email=EMAIL, password=PASSWORD + "x")
    assert canary.submit("/login", email=EMAIL, password=PASSWORD).status_code == 302
    canary.api("POST", "integrations/gitlab/validate")
    _follow_an_issue(canary, gitlab)
    made = _make_secrets(canary)
    _be_refused(canary)
    canary.api("PATCH", "integrations/gitlab", json={"signing_token": SIGNING_TOKEN})
    canary.api(
        "PATCH",
        "integrations/gitlab/policy",
        json={"notify_url": f"https://192.0.2.1/{NOTIFY_PATH}"},
    )
    canary.api(
        "PATCH",
        "integrations/gitlab/policy",
        json={"notify_url": f"https://example.com/{NOTIFY_PATH}"},
    )
    return made


def _follow_an_issue(canary: Browser, gitlab: SimulatedGitLab) -> None:
    state = gitlab.state
    state.people.add_user("dana", "Dana Moss")
    project = state.projects.add("acme/press")
    issue = state.items.add_issue(project, title="Paper jams", author="dana")
    hook = f"{canary.url}/api/orgs/{canary.org_id}/integrations/gitlab/webhook"
    state.hooks.add(project, hook, token=WEBHOOK_SECRET, issues_events=True)
    task = canary.api("POST", "tasks", json={"title": "Print"}).json()["task"]
    links = f"tasks/{task['id']}/gitlab-links"
    canary.api("POST", links, json={"url": state.urls.item(issue)})

    def title() -> Any:
        return canary.api("GET", links).json()["links"][0]["title"]

    equal_within(HANGS, title, "Paper jams")
    state.items.edit(issue, title="Paper tears")
    equal_within(HANGS, title, "Paper tears")


def _make_secrets(canary: Browser) -> list[str]:
    made = canary.api("POST", "integrations/gitlab/webhook-secret", shown_once=True).json()
    key = canary.api("POST", "api-keys", json={"name": "k", "scopes": ["read"]}, shown_once=True)
    member = {"email": "new@example.com", "role": "pm"}
    added = canary.api("POST", "members", json=member, shown_once=True).json()
    address = {"url": f"https://example.com/{NOTIFY_PATH}"}
    endpoint = canary.api("POST", "event-endpoints", json=address, shown_once=True).json()
    path = f"event-endpoints/{endpoint['endpoint']['id']}"
    renewed = canary.api("POST", f"{path}/secret", shown_once=True).json()["endpoint"]
    canary.api("POST", f"{path}/test")
    canary.page(f"/orgs/{canary.org_id}/endpoints/{renewed['id']}")
    signing = [endpoint["endpoint"]["secret"], renewed["secret"]]
    return [
        *signing,
        made["webhook_secret"],
        key.json()["secret"],
        added["link"].rpartition("/")[2],
    ]


def _be_refused(canary: Browser) -> None:
    hook = "integrations/gitlab/webhook"
    near = {"X-Gitlab-Token": WEBHOOK_SECRET + "x"}
    canary.api("POST", hook, json={}, headers=near)
    canary.api(
        "POST",
        hook,
        data="nope",
        headers={"X-Gitlab-Token": WEBHOOK_SECRET, "Content-Type": "application/json"},
    )
    canary.api("GET", "tasks", headers={"Authorization": f"Bearer {canary.key}x"})
    canary.api("GET", "tasks", headers={"Authorization": f"Basic {canary.key}"})
    for name in ("token", "webhook_secret", "signing_token"):
        canary.api("PATCH", "integrations/gitlab", json={name: f"{SET_IN_VAIN} "})
        canary.api("PATCH", "integrations/gitlab", json={name: [SET_IN_VAIN]})
    canary.api(
        "PATCH", "integrations/gitlab", json={"base_url": f"https://u:{SET_IN_VAIN}@example.com"}
    )
    canary.api(
        "PATCH",
        "integrations/gitlab",
        data=f'{{"token": "{SET_IN_VAIN}',
        headers={"Content-Type": "application/json"},
    )


@contextmanager
def broken(app: Flask) -> Iterator[None]:
    """A database in which a table is missing: every write that is audited fails."""
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE audit_events RENAME TO audit_events_gone"))
    try:
        yield
    finally:
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(text("ALTER TABLE audit_events_gone RENAME TO audit_events"))


def fail_in_every_way(canary: Browser, app: Flask, gitlab: SimulatedGitLab, redis: Redis) -> None:
    """GitLab refuses the token and then is gone, a job cannot be read, the database is broken."""
    gitlab.stop()
    canary.api("POST", "integrations/gitlab/validate")
    with app.app_context():
        from gitlab_links.job_triggers import enqueue

        enqueue(JobKind.SYNC.queue, JobKind.SYNC.job, "not an id")
    unchecked = canary.api("PATCH", "integrations/gitlab", json={"token": SET_IN_VAIN})
    assert unchecked.status_code == 409, unchecked.text
    with broken(app):
        statuses = [
            canary.api(
                "PATCH", "integrations/gitlab", json={"webhook_secret": SET_IN_VAIN}
            ).status_code,
            canary.api("POST", "api-keys", json={"name": "k", "scopes": ["read"]}).status_code,
        ]
    assert set(statuses) <= {500, 503}
    within(HANGS, lambda: redis.zcard("rq:failed:fetches") > 0)


def look_at_every_page(canary: Browser) -> None:
    org = f"/orgs/{canary.org_id}"
    for path in (
        "tasks",
        "tasks/CANARY-1",
        "gitlab",
        "deliveries",
        "members",
        "api-keys",
        "audit",
        "endpoints",
    ):
        canary.page(f"{org}/{path}")
    deliveries = canary.api("GET", "deliveries").json()["deliveries"]
    assert deliveries
    for delivery in deliveries[:3]:
        canary.api("GET", f"deliveries/{delivery['id']}")
        canary.page(f"{org}/deliveries/{delivery['id']}")
    for path in (
        "audit-events",
        "api-keys",
        "members",
        "integrations/gitlab",
        "event-endpoints",
        "events",
    ):
        canary.api("GET", path)
    for path in (
        "",
        "fetches",
        "0/data/queues.json",
        "0/data/workers.json",
        "0/data/jobs/fetches/failed/8/asc/1.json",
    ):
        assert "Log in" not in canary.page(f"/ops/rq/{path}")
