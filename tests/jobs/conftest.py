"""An org connected to the simulated GitLab, its links, and the jobs run in this process."""

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from flask import Flask
from flask.ctx import AppContext
from redis import Redis
from sqlalchemy import select, update

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.config.settings import Settings
from gitlab_links.deliveries.claims import has_due
from gitlab_links.deliveries.intake import accept
from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.demo.gitlab.records import Item, Project
from gitlab_links.extensions import db
from gitlab_links.http.transactions import single_write
from gitlab_links.integrations.changes import generate_webhook_secret
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.jobs.drains import drain_slice
from gitlab_links.jobs.fetches import fetch_slice
from gitlab_links.links.link_views import LinkView
from gitlab_links.links.models import GitLabItem, TaskGitLabLink
from gitlab_links.links.queries import find_link
from gitlab_links.pasting.changes import attach, attach_all
from tests import databases
from tests.conftest import GITLAB_TOKEN
from tests.deliveries.conftest import org, receive
from tests.factories import Factory
from tests.gitlab import bodies
from tests.jobs.misbehaving import DRIP, TIMEOUT
from tests.per_dialect import PerDialect

__all__ = ["org", "receive"]


@dataclass
class Connected:
    """One org, its tasks' links, and the GitLab behind it; to be used within a context."""

    org: Org
    principal: Principal
    factory: Factory
    gitlab: SimulatedGitLab
    tasks: dict[uuid.UUID, uuid.UUID] = field(default_factory=dict)

    def project(self, path: str = "acme/press") -> Project:
        return self.gitlab.state.projects.add(path)

    def issue(self, project: Project, title: str = "Paper jams", **fields: Any) -> Item:
        return self.gitlab.state.items.add_issue(project, title, author="root", **fields)

    def merge_request(self, project: Project, title: str = "Rollers", **fields: Any) -> Item:
        return self.gitlab.state.items.add_merge_request(
            project, title, author="root", source_branch="rollers", **fields
        )

    def link(self, item: Item) -> uuid.UUID:
        """Link the item to a task of its own; gives the link's id."""
        task = self.factory.task(self.org)
        link_id = attach(self.principal, task.id, self.gitlab.state.urls.item(item))
        db.session.commit()
        self.tasks[link_id] = task.id
        return link_id

    def link_all(self, items: Iterable[Item]) -> list[uuid.UUID]:
        """Link the items to one task; gives the links' ids, in their order."""
        task = self.factory.task(self.org)
        addresses = [self.gitlab.state.urls.item(item) for item in items]
        made = attach_all(self.principal, task.id, addresses, all_or_none=True)
        db.session.commit()
        links = [one.link_id for one in made if one.link_id is not None]
        self.tasks |= dict.fromkeys(links, task.id)
        return links

    def fetch(self) -> None:
        fetch_slice(self.org.id)

    def drain(self) -> None:
        """As many slices as it takes: on a busy machine one may not be enough."""
        drain_all(self.org.id)

    def view(self, link_id: uuid.UUID) -> LinkView:
        """The link as a page shows it now to those who see all."""
        db.session.expire_all()
        view = find_link(self.org.id, self.tasks[link_id], link_id, viewer=Role.ADMIN)
        db.session.rollback()
        return view

    def item(self, link_id: uuid.UUID) -> GitLabItem:
        statement = select(GitLabItem).join(TaskGitLabLink).where(TaskGitLabLink.id == link_id)
        item = db.session.scalars(statement.execution_options(populate_existing=True)).one()
        db.session.expunge(item)
        db.session.rollback()
        return item

    def integration(self) -> OrgGitLabIntegration:
        statement = select(OrgGitLabIntegration).where(OrgGitLabIntegration.org_id == self.org.id)
        found = db.session.scalars(statement.execution_options(populate_existing=True)).one()
        db.session.expunge(found)
        db.session.rollback()
        return found

    def make_due(self) -> None:
        """Have every item fetched at the next run, as when its TTL is over."""
        db.session.execute(update(GitLabItem).values(next_sync_at=utcnow()))
        db.session.commit()

    def calls(self) -> int:
        return sum(self.gitlab.state.calls.counts().values())


@pytest.fixture
def connected(
    app_context: Flask, factory: Factory, gitlab: SimulatedGitLab, redis: Redis
) -> Connected:
    org = factory.org()
    factory.connect(org, base_url=gitlab.url, token=GITLAB_TOKEN)
    return Connected(org, factory.principal(org), factory, gitlab)


@pytest.fixture
def impatient(
    connected: Connected, settings: Settings, per_dialect: PerDialect
) -> Iterator[AppContext]:
    """The jobs' application, with a deadline that tests can wait for; its context is pushed."""
    changed = replace(settings, gitlab_timeout=TIMEOUT)
    app = per_dialect.once(changed, lambda: databases.make_application(changed))
    with app.app_context() as context:
        yield context


@pytest.fixture
def bearable(request: pytest.FixtureRequest, fault: dict[str, Any]) -> None:
    """Whatever the test's ``fault`` is, it is over soon: a drip when the deadline is."""
    if fault == DRIP:
        request.getfixturevalue("impatient")


@pytest.fixture
def link(connected: Connected) -> uuid.UUID:
    """A link to an issue that has not been fetched yet."""
    return connected.link(connected.issue(connected.project()))


@pytest.fixture
def send(app: Flask, connected: Connected) -> Callable[[dict[str, Any]], None]:
    """Takes in a webhook body of the org and works on it."""
    secret = generate_webhook_secret(connected.principal)
    db.session.commit()

    def take(body: dict[str, Any]) -> None:
        with app.app_context(), single_write() as connection:
            headers = {"X-Gitlab-Token": secret, "X-Gitlab-Event": "Pipeline Hook"}
            accept(connection, connected.org.id, headers, bodies.sent(body))
        connected.drain()

    return take


def drain_all(org_id: uuid.UUID) -> None:
    """Slices until nothing is due."""
    while True:
        drain_slice(org_id)
        if not has_due(org_id, utcnow()):
            db.session.rollback()
            return


def queued(redis: Redis, queue: str) -> int:
    """How many jobs wait in one of RQ's queues."""
    return redis.llen(f"rq:queue:{queue}")
