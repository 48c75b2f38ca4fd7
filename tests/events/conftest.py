"""An org with a task and a linked issue, which webhooks and fetches change."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.deliveries.claims import claim
from gitlab_links.deliveries.processing import process
from gitlab_links.events.models import Event
from gitlab_links.extensions import db
from gitlab_links.pasting.changes import attach
from gitlab_links.tasks.changes import create_task
from tests.deliveries.conftest import org, receive  # noqa: F401  # fixtures
from tests.factories import Factory
from tests.gitlab import bodies

BASE = "https://gitlab.example.com"
ISSUE = f"{BASE}/ships/engine/-/issues/17"


@dataclass
class Desk:
    """An org that works: ``events`` are what it has recorded since the last time one asked."""

    app: Flask
    org: Org
    principal: Principal
    task_id: uuid.UUID
    receive: Callable[..., Any]

    def __post_init__(self) -> None:
        self.seen: set[uuid.UUID] = set()

    def link(self, url: str = ISSUE) -> uuid.UUID:
        link_id = attach(self.principal, self.task_id, url)
        db.session.commit()
        return link_id

    def webhook(self, body: Any = None, **attributes: Any) -> None:
        self.receive(body or bodies.issue(attributes=attributes))
        self.drain()

    def drain(self) -> None:
        batch = claim(self.org.id, utcnow())
        db.session.commit()
        process(self.org.id, batch, now=utcnow(), ttl=300)
        db.session.commit()
        db.session.expire_all()

    def events(self) -> list[Event]:
        db.session.rollback()
        rows = db.session.scalars(select(Event).order_by(Event.id)).all()
        db.session.commit()
        fresh = [row for row in rows if row.id not in self.seen]
        self.seen |= {row.id for row in fresh}
        return fresh


@pytest.fixture
def desk(app: Flask, app_context: Flask, factory: Factory, org: Org, receive: Any) -> Desk:  # noqa: F811
    factory.gitlab_project(org, base_url=BASE, gitlab_id=42, path="ships/engine")
    principal = factory.principal(org, Role.PM)
    task = create_task(principal, "Repair the pump")
    db.session.commit()
    made = Desk(app, org, principal, task.id, receive)
    made.events()
    return made
