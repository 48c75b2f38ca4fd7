"""An org connected to the simulated GitLab, whose items mention its tasks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from gitlab_links.accounts.roles import Role
from gitlab_links.deliveries.intake import accept
from gitlab_links.demo.gitlab.records import Item
from gitlab_links.extensions import db
from gitlab_links.http.transactions import single_write
from gitlab_links.integrations.changes import find_integration, generate_webhook_secret
from gitlab_links.links.link_filters import LinkFilter
from gitlab_links.links.models import DismissedMention, GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.links.queries import links_page
from gitlab_links.observations.hook_secrets import make_hook_secret
from gitlab_links.tasks.models import Task
from tests.gitlab import bodies
from tests.jobs.conftest import Connected, connected

__all__ = ["connected"]


@dataclass
class Mentioning:
    """The org, its GitLab, and how events of both kinds of secrets come in."""

    app: Flask
    connected: Connected
    shared: str

    @property
    def org(self):
        return self.connected.org

    @property
    def gitlab(self):
        return self.connected.gitlab.state

    def task(self, number: int) -> Task:
        return self.connected.factory.task(self.org, number=number)

    def body(self, item: Item) -> dict[str, Any]:
        """The body of an event of the item as it is now."""
        return self.gitlab.publisher.bodies.item(item, action="update", by=item.author, changes={})

    def receive(self, body: dict[str, Any], secret: str | None = None, **headers: str) -> None:
        db.session.rollback()
        sent = {"X-Gitlab-Token": secret or self.shared, "X-Gitlab-Event": "Hook", **headers}
        with self.app.app_context(), single_write() as connection:
            accept(connection, self.org.id, sent, bodies.sent(body))

    def send(self, item: Item, secret: str | None = None) -> None:
        """An event arrives and is processed."""
        self.receive(self.body(item), secret)
        self.connected.drain()

    def own_secret(self, path: str) -> str:
        """Of a hook that the service created for the project."""
        db.session.rollback()
        project = db.session.scalars(select(GitLabProject).where(GitLabProject.path == path)).one()
        _, secret = make_hook_secret(find_integration(self.org.id), project.id)
        db.session.commit()
        return secret

    def fetch(self) -> None:
        self.connected.fetch()
        db.session.rollback()

    def linked(self, viewer: Role | None = Role.ADMIN) -> dict[str, list[str]]:
        """The references of linked items by the task's number, as a page shows them."""
        db.session.expire_all()
        numbers = {row.id: row.number for row in db.session.execute(select(Task.id, Task.number))}
        found: dict[int, list[str]] = {}
        for view in links_page(self.org.id, LinkFilter(), viewer=viewer):
            found.setdefault(numbers[view.task_id], []).append(view.reference)
        db.session.rollback()
        return found

    def links(self) -> list[TaskGitLabLink]:
        db.session.expire_all()
        found = db.session.scalars(select(TaskGitLabLink).order_by(TaskGitLabLink.id)).all()
        for link in found:
            db.session.expunge(link)
        db.session.rollback()
        return list(found)

    def items(self) -> int:
        found = db.session.scalar(select(db.func.count()).select_from(GitLabItem))
        db.session.rollback()
        return found

    def dismissed(self) -> int:
        found = db.session.scalar(select(db.func.count()).select_from(DismissedMention))
        db.session.rollback()
        return found


@pytest.fixture
def mentioning(app: Flask, connected: Connected) -> Mentioning:
    shared = generate_webhook_secret(connected.principal)
    db.session.commit()
    return Mentioning(app, connected, shared)


@pytest.fixture
def key(mentioning: Mentioning) -> Callable[[int], str]:
    """The reference of a task by its number."""
    return lambda number: f"{mentioning.org.task_key}-{number}"
