"""Sample data: an org with four people, connected to the simulated GitLab, and its tasks.

Made from outside, as an operator and a program would: by ``flask bootstrap`` and the API.
"""

import base64
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import requests

from gitlab_links.demo.rest_api import TIMEOUT_SECONDS, RestApi
from gitlab_links.demo.sample_tasks import MOBILE, PROJECTS, TASKS, SampleTask
from gitlab_links.local.foreground import StartFailed
from gitlab_links.local.services import python
from gitlab_links.local.supervisor import Supervisor
from gitlab_links.observations.hook_states import OUR_EVENTS

ADMIN = "admin@acme.example"
PASSWORD = "follow-the-item"
PEOPLE = {
    "pm@acme.example": ("Priya Nair", "pm"),
    "member@acme.example": ("Mei Tanaka", "member"),
    "client@acme.example": ("Carla Client", "client"),
}
SYNC_SECONDS = 120.0
MENTION = "Every language needs its own width of buttons: see ACME-6."


class NotSynced(Exception):
    """The workers did not bring all links up to date in time."""


@dataclass(frozen=True, slots=True)
class Org:
    """The sample org, seen by its admin; ``path`` is the same in the API and in pages."""

    api: RestApi
    api_key: str
    path: str


def bootstrap(supervisor: Supervisor, environment: Mapping[str, str], url: str) -> Org:
    """Make the org and its admin as the operator does."""
    options = ["--email", ADMIN, "--name", "Amara Okafor", "--password", PASSWORD]
    options += ["--org", "Acme", "--json"]
    command = python("-m", "flask", "--app", "wsgi", "bootstrap", *options)
    *_, last_line = supervisor.run("bootstrap", command, settings=environment).splitlines()
    made = json.loads(last_line)
    return Org(RestApi(url, made["api_key"]), made["api_key"], f"/orgs/{made['org_id']}")


def add_people(org: Org) -> None:
    """One person for each other role, who accepts the invitation and chooses ``PASSWORD``."""
    for email, (name, role) in PEOPLE.items():
        new = {"email": email, "name": name, "role": role}
        accept_invitation(org.api.post(f"{org.path}/members", new)["link"], name)


def accept_invitation(link: str, name: str) -> None:
    """Open the link as a browser does, and create the account."""
    with requests.Session() as browser:
        browser.trust_env = False
        page = browser.get(link, timeout=TIMEOUT_SECONDS).text
        token = re.search(r'name="csrf_token" value="([^"]+)"', page)
        if token is None:
            raise StartFailed(f"the page of an invitation has no form: {page[:200]}")
        form = {"name": name, "password": PASSWORD, "again": PASSWORD, "csrf_token": token[1]}
        browser.post(f"{link}/register", data=form, timeout=TIMEOUT_SECONDS).raise_for_status()


def connect(org: Org, gitlab_url: str, token: str) -> None:
    """Configure the integration, and a hook in each project that proves itself both ways."""
    signing_token = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    integration = f"{org.path}/integrations/gitlab"
    configured = org.api.patch(
        integration, {"base_url": gitlab_url, "token": token, "signing_token": signing_token}
    )["gitlab"]
    secret = org.api.post(f"{integration}/webhook-secret", {})["webhook_secret"]
    org.api.post(f"{integration}/validate", {})
    hook = {"url": configured["webhook_url"], "token": secret, "signing_token": signing_token}
    for project in PROJECTS:
        add = {"project": project, **hook, **dict.fromkeys(OUR_EVENTS, True)}
        requests.post(
            f"{gitlab_url}/-/sim/add_hook", json=add, timeout=TIMEOUT_SECONDS
        ).raise_for_status()


def add_tasks(org: Org, gitlab_url: str) -> str:
    """Make the tasks with their links; gives the reference of the first."""
    first, *_ = [_add_task(org, gitlab_url, sample) for sample in TASKS]
    return first


def let_gitlab_speak(gitlab_url: str) -> None:
    """A comment in each project, so that every hook has proved itself before anyone looks."""
    for project in PROJECTS:
        said = {"project": project, "iid": 1, "text": "Linked to our task board."}
        requests.post(
            f"{gitlab_url}/-/sim/comment", json=said, timeout=TIMEOUT_SECONDS
        ).raise_for_status()


def repair_hooks(org: Org, check: Callable[[], None]) -> None:
    """Give each hook a secret of its own, as *Repair* does, so that comments count."""
    integration = f"{org.path}/integrations/gitlab"
    projects = org.api.get(f"{integration}/health")["health"]["projects"]
    asked = [org.api.post(f"{integration}/projects/{one['id']}/hook", {}) for one in projects]
    for one in asked:
        _wait_for(org, one["operation"]["id"], check)


def _wait_for(org: Org, operation: str, check: Callable[[], None]) -> None:
    deadline = time.monotonic() + SYNC_SECONDS
    while True:
        check()
        found = org.api.get(f"{org.path}/operations/{operation}")["operation"]
        if found["status"] == "done":
            return
        if found["status"] == "failed" or time.monotonic() > deadline:
            raise StartFailed(f"a webhook was not repaired: {found}")
        time.sleep(0.2)


def mention_a_task(gitlab_url: str) -> None:
    """A merge request that nobody links mentions a task, and so links itself."""
    edit = {"project": MOBILE, "type": "merge_request", "iid": 3, "description": MENTION}
    requests.post(f"{gitlab_url}/-/sim/edit", json=edit, timeout=TIMEOUT_SECONDS).raise_for_status()


def wait_until_synced(org: Org, check: Callable[[], None]) -> int:
    """Wait until every link is up to date; gives how many there are.

    ``check`` is called in between and raises if waiting has become pointless.
    """
    deadline = time.monotonic() + SYNC_SECONDS
    while True:
        check()
        links = org.api.get(f"{org.path}/gitlab-links", limit=100)["links"]
        late = [link for link in links if link["sync"]["status"] != "ok"]
        if not late:
            return len(links)
        if time.monotonic() > deadline:
            raise NotSynced(_summary(late))
        time.sleep(0.2)


def _add_task(org: Org, gitlab_url: str, sample: SampleTask) -> str:
    new = {"title": sample.title, "description": sample.description, "status": sample.status}
    task = org.api.post(f"{org.path}/tasks", new)["task"]
    for item in sample.items:
        org.api.post(f"{org.path}/tasks/{task['id']}/gitlab-links", {"url": f"{gitlab_url}/{item}"})
    reference: str = task["reference"]
    return reference


def _summary(late: list[dict[str, Any]]) -> str:
    first = late[0]["sync"]
    return (
        f"{len(late)} links are not up to date after {SYNC_SECONDS:.0f} s "
        f"({first['status']}, {first['error_code']})"
    )
