"""An org whose events go to endpoints of a receiver that runs here."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from flask import Flask
from werkzeug import Request, Response

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.config.allowed_hosts import AllowedHosts
from gitlab_links.config.settings import Settings
from gitlab_links.extensions import db
from gitlab_links.jobs.events import publish_events
from gitlab_links.jobs.outgoing import send_events
from gitlab_links.local.services import LOOPBACK, free_port
from gitlab_links.outgoing.endpoints import EndpointChange, NewEndpoint, create_endpoint
from gitlab_links.outgoing.models import Format, OutgoingDelivery, OutgoingEndpoint
from gitlab_links.tasks.changes import create_task
from tests.databases import make_application
from tests.factories import Factory
from tests.hanging import HANGS
from tests.health.conftest import serving
from tests.per_dialect import PerDialect


@dataclass
class Got:
    """One request that arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)  # type: ignore[no-any-return]

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """Answers by the first part of the path: a status, or as ``answers`` says."""

    port: int
    got: list[Got] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    gate: threading.Event = field(default_factory=threading.Event)

    def url(self, name: str) -> str:
        return f"http://{LOOPBACK}:{self.port}/{name}/s3cret-path"

    def at(self, name: str) -> list[Got]:
        return [one for one in self.got if one.path.startswith(f"/{name}/")]

    def answer(self, request: Request) -> Response:
        name = request.path.split("/")[1]
        headers = {key.lower(): value for key, value in request.headers.items()}
        self.got.append(Got(request.path, headers, request.get_data()))
        if name == "waits":
            assert self.gate.wait(HANGS)
        made = self.answers.get(name, 200)
        return made if isinstance(made, Response) else Response("thanks", status=made)


@pytest.fixture(scope="session")
def receiver_port() -> int:
    return free_port()


@pytest.fixture
def receiver(receiver_port: int) -> Iterator[Receiver]:
    here = Receiver(receiver_port)
    with serving(Request.application(here.answer), here.port):
        yield here
        here.gate.set()


@pytest.fixture(scope="session")
def _sending_app(settings: Settings, per_dialect: PerDialect, receiver_port: int) -> Flask:
    allowed = AllowedHosts.parse((f"{LOOPBACK}:{receiver_port}",))
    ours = replace(settings, gitlab_allowed_hosts=allowed)
    return per_dialect.once(("outgoing", ours), lambda: make_application(ours))


@dataclass
class Office:
    """An org with endpoints; the test runs the jobs."""

    app: Flask
    org: Org
    principal: Principal
    receiver: Receiver
    factory: Factory

    def endpoint(
        self, name: str = "good", kind: Format = Format.STANDARD, **change: Any
    ) -> NewEndpoint:
        made = create_endpoint(
            self.principal, kind, EndpointChange(url=self.receiver.url(name), **change)
        )
        db.session.commit()
        return made

    def tasks(self, *titles: str) -> None:
        for title in titles:
            create_task(self.principal, title)
        db.session.commit()

    def publish(self) -> None:
        publish_events(self.org.id)
        db.session.commit()

    def send(self) -> None:
        send_events(self.org.id)
        db.session.commit()

    def work(self) -> None:
        self.publish()
        self.send()

    def sent(self) -> list[OutgoingDelivery]:
        db.session.rollback()
        rows = db.session.scalars(
            db.select(OutgoingDelivery)
            .order_by(OutgoingDelivery.position)
            .execution_options(populate_existing=True)
        ).all()
        db.session.commit()
        return list(rows)

    def fresh(self, endpoint: OutgoingEndpoint) -> OutgoingEndpoint:
        db.session.rollback()
        found = db.session.get_one(OutgoingEndpoint, endpoint.id, populate_existing=True)
        db.session.commit()
        return found


@pytest.fixture
def office(
    app: Flask, _sending_app: Flask, factory: Factory, receiver: Receiver
) -> Iterator[Office]:
    with _sending_app.app_context():
        org = factory.org(name="Acme", task_key="ACME")
        yield Office(_sending_app, org, factory.principal(org, Role.PM), receiver, factory)
        db.session.rollback()
