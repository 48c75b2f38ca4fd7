"""An org whose rules are on, a simulated GitLab, and the jobs run in this process."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import select

from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.deliveries.intake import accept
from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.demo.gitlab.records import Item, Project
from gitlab_links.extensions import db
from gitlab_links.http.transactions import single_write
from gitlab_links.integrations.changes import find_integration, generate_webhook_secret
from gitlab_links.jobs.rule_slices import rules_slice
from gitlab_links.links.changes import detach
from gitlab_links.links.models import GitLabProject
from gitlab_links.observations.hook_secrets import make_hook_secret
from gitlab_links.pasting.changes import attach
from gitlab_links.rule_states.models import DEFAULT_WAIT_SECONDS
from gitlab_links.rules.changes import switch_on, try_rules
from gitlab_links.sync.due_items import has_due
from gitlab_links.tasks.changes import update_task
from gitlab_links.tasks.models import Task, TaskStatus
from tests.conftest import GITLAB_TOKEN
from tests.factories import Factory
from tests.frozen_clock import FrozenClock
from tests.gitlab import bodies
from tests.jobs.conftest import Connected


@dataclass
class Story(Connected):
    """Things that happen to tasks and their items, told as a person would see them."""

    app: Flask = field(kw_only=True)
    clock: FrozenClock = field(kw_only=True)
    admin: Principal = field(kw_only=True)
    secret: str = field(kw_only=True)

    def task(self, status: TaskStatus = TaskStatus.OPEN) -> uuid.UUID:
        return self.factory.task(self.org, status=status.value).id

    def attach(self, task_id: uuid.UUID, *items: Item) -> None:
        for item in items:
            attach(self.principal, task_id, self.gitlab.state.urls.item(item))
            db.session.commit()

    def detach(self, task_id: uuid.UUID, link_id: uuid.UUID) -> None:
        detach(self.principal, task_id, link_id)
        db.session.commit()

    def body(self, item: Item, action: str = "update") -> dict[str, Any]:
        """What GitLab's webhook says of the item as it is now."""
        built = self.gitlab.state.publisher.bodies
        return built.item(item, action=action, by=item.author, changes={})

    def deliver(self, *sent: dict[str, Any], secret: str | None = None) -> None:
        """By the org's shared secret, unless another is given."""
        self.receive(*sent, secret=secret)
        self.drain()
        self.apply()

    def receive(self, *sent: dict[str, Any], secret: str | None = None) -> None:
        """As :meth:`deliver`, and nothing is processed yet."""
        for body in sent:
            with self.app.app_context(), single_write() as connection:
                token = secret or self.secret
                headers = {"X-Gitlab-Token": token, "X-Gitlab-Event": "Merge Request Hook"}
                accept(connection, self.org.id, headers, bodies.sent(body))

    def own_secret(self, project: Project) -> str:
        """Of a hook that the service created for the project, into which a link points."""
        row = select(GitLabProject.id).where(GitLabProject.path == project.path_with_namespace)
        integration = find_integration(self.org.id)
        _, secret = make_hook_secret(integration, db.session.scalars(row).one())
        db.session.commit()
        return secret

    def happen(self, change: Callable[..., Any], item: Item, **how: Any) -> None:
        """Change an item in GitLab, whose webhook arrives."""
        change(item, **how)
        self.clock.advance(1)
        self.deliver(self.body(item))

    def apply(self) -> None:
        rules_slice(self.org.id)

    def settle(self) -> None:
        """Fetch whatever is asked for, and let the waiting time pass."""
        for _ in range(5):
            self.fetch()
            self.apply()
            self.clock.advance(DEFAULT_WAIT_SECONDS + 1)
            self.apply()
            if not has_due(self.org.id, utcnow()):
                break
        db.session.rollback()

    def status(self, task_id: uuid.UUID) -> str:
        found = db.session.execute(
            select(Task.status, Task.status_rule).where(Task.id == task_id)
        ).one()
        db.session.rollback()
        return f"{found.status} by {found.status_rule or 'hand'}"

    def set(self, task_id: uuid.UUID, status: TaskStatus) -> None:
        update_task(self.principal, task_id, {"status": status.value})
        db.session.commit()

    def switch_on(self) -> None:
        try_rules(self.admin)
        db.session.commit()
        self.settle()
        switch_on(self.admin)
        db.session.commit()


@pytest.fixture
def untried(
    app_context: Flask,
    factory: Factory,
    gitlab: SimulatedGitLab,
    redis: Redis,
    clock: FrozenClock,
) -> Story:
    """The rules are off."""
    org = factory.org()
    factory.connect(org, base_url=gitlab.url, token=GITLAB_TOKEN)
    principal = factory.principal(org)
    secret = generate_webhook_secret(principal)
    db.session.commit()
    admin = factory.principal(org, Role.ADMIN)
    return Story(
        org, principal, factory, gitlab, app=app_context, clock=clock, admin=admin, secret=secret
    )


@pytest.fixture
def story(untried: Story) -> Story:
    """The rules are on."""
    untried.switch_on()
    return untried


@pytest.fixture
def project(untried: Story) -> Project:
    return untried.project()
