"""Sample data: an org with four people, connected to the simulated GitLab, and its tasks.

Everything goes through the operations that pages and API use, so that what they check and
write (audit events, due fetches, rings) is there as well.
"""

import base64
import json
import secrets
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Flask
from sqlalchemy import func, select

from gitlab_links.accounts.bootstrap import bootstrap
from gitlab_links.accounts.members import add_member
from gitlab_links.accounts.models import User
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.accounts.sessions import set_password
from gitlab_links.demo.sample_tasks import PROJECTS, TASKS, SampleTask
from gitlab_links.extensions import db, settings
from gitlab_links.integrations.operations import IntegrationChange, generate_webhook_secret
from gitlab_links.links.models import GitLabItem
from gitlab_links.links.operations import attach
from gitlab_links.links.reconnection import configure
from gitlab_links.tasks.operations import create_task

PASSWORD = "follow-the-item"
PEOPLE = {
    "pm@acme.example": ("Priya Nair", Role.PM),
    "member@acme.example": ("Mei Tanaka", Role.MEMBER),
    "client@acme.example": ("Carla Client", Role.CLIENT),
}
TRIGGERS = (
    "issues_events",
    "confidential_issues_events",
    "merge_requests_events",
    "note_events",
    "pipeline_events",
)
SYNC_SECONDS = 60.0


class NotSynced(Exception):
    """The workers did not bring all links up to date in time."""


@dataclass(frozen=True, slots=True)
class Login:
    """How to get in, as the admin of the sample org."""

    email: str
    password: str
    api_key: str


@dataclass(frozen=True, slots=True)
class Sample:
    """What was made: a login, and the address of the first task's page below the service's."""

    login: Login
    first_task_path: str


def seed(app: Flask, gitlab_url: str, token: str) -> Sample:
    """Fill an empty database; the links are due for a fetch, and the hooks are in GitLab."""
    with app.app_context():
        made = bootstrap("admin@acme.example", PASSWORD, "Acme", "Amara Okafor")
        admin = Principal(made.org_id, made.user_id, Role.ADMIN)
        db.session.commit()
        for email, (name, role) in PEOPLE.items():
            _add_person(admin, email, name, role)
        _connect(admin, gitlab_url, token)
        references = [_add_task(admin, gitlab_url, task) for task in TASKS]
    return Sample(
        Login(made.email, PASSWORD, made.api_key),
        f"/orgs/{made.org_id}/tasks/{references[0]}",
    )


def wait_until_synced(app: Flask, check: Callable[[], None]) -> int:
    """Wait until no item waits for its first fetch; gives how many there are.

    ``check`` is called in between and raises if waiting has become pointless.
    """
    deadline = time.monotonic() + SYNC_SECONDS
    while time.monotonic() < deadline:
        check()
        with app.app_context():
            waiting, count = db.session.execute(
                select(
                    func.count().filter(GitLabItem.last_synced_at.is_(None)), func.count()
                ).select_from(GitLabItem)
            ).one()
        if count and not waiting:
            return int(count)
        time.sleep(0.1)
    raise NotSynced(f"{waiting} of {count} items were not fetched within {SYNC_SECONDS:.0f} s")


def _add_person(admin: Principal, email: str, name: str, role: Role) -> None:
    added = add_member(admin, email, name, role)
    set_password(db.session.get_one(User, added.member.user_id), PASSWORD)
    db.session.commit()


def _connect(admin: Principal, gitlab_url: str, token: str) -> None:
    """Both of GitLab's ways to prove a webhook are in use: one project's hook is signed."""
    signing_token = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    configure(
        admin, IntegrationChange(base_url=gitlab_url, token=token, signing_token=signing_token)
    )
    secret = generate_webhook_secret(admin)
    db.session.commit()
    signed, *plain = PROJECTS
    _add_hook(admin, gitlab_url, signed, signing_token=signing_token)
    for project in plain:
        _add_hook(admin, gitlab_url, project, token=secret)


def _add_hook(admin: Principal, gitlab_url: str, project: str, **proof: str) -> None:
    url = f"{settings().public_base_url}/api/orgs/{admin.org_id}/integrations/gitlab/webhook"
    hook: dict[str, Any] = {"project": project, "url": url, **proof}
    hook.update(dict.fromkeys(TRIGGERS, True))
    request = urllib.request.Request(  # noqa: S310 - the simulated GitLab of this demo
        f"{gitlab_url}/-/sim/add_hook",
        data=json.dumps(hook).encode(),
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310


def _add_task(admin: Principal, gitlab_url: str, sample: SampleTask) -> str:
    task = create_task(admin, sample.title, description=sample.description, status=sample.status)
    db.session.commit()
    for path in sample.items:
        attach(admin, task.id, f"{gitlab_url}/{path}")
        db.session.commit()
    return task.reference
