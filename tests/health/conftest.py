"""The service over real HTTP, connected to a simulated GitLab that reaches it."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug import Request, Response
from werkzeug.serving import WSGIRequestHandler, make_server

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.audit.models import AuditEvent
from gitlab_links.config.allowed_hosts import AllowedHosts
from gitlab_links.config.settings import Settings
from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.demo.gitlab.records import Project
from gitlab_links.extensions import db
from gitlab_links.health.findings import Finding, findings
from gitlab_links.health.signals import load
from gitlab_links.integrations.changes import find_integration
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.jobs.drains import drain_slice
from gitlab_links.jobs.events import publish_events
from gitlab_links.jobs.fetches import fetch_slice
from gitlab_links.jobs.health_checks import find_due_checks, run_checks
from gitlab_links.jobs.operations import run_operations
from gitlab_links.jobs.outgoing import send_events
from gitlab_links.links.models import GitLabItem
from gitlab_links.local.services import LOOPBACK, free_port
from gitlab_links.observations.watched_projects import WatchedProject, watched_projects
from gitlab_links.pasting.changes import attach_all
from tests.conftest import GITLAB_TOKEN
from tests.databases import make_application
from tests.factories import Factory
from tests.per_dialect import PerDialect
from tests.serving import served


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_what: object) -> None:
        return None


@dataclass
class Receiver:
    """An address of the org's choice, and what it received."""

    port: int
    status: int = 200
    bodies: list[dict[str, Any]] = field(default_factory=list)
    agents: set[str | None] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/hooks/s3cret"

    @property
    def received(self) -> list[tuple[str, str]]:
        return [(body["type"], body["code"]) for body in self.bodies]


@pytest.fixture(scope="session")
def receiver_port() -> int:
    return free_port()


@pytest.fixture
def receiver(receiver_port: int) -> Iterator[Receiver]:
    """Listens on a port that the service may connect to."""
    here = Receiver(receiver_port)

    @Request.application
    def take(request: Request) -> Response:
        here.bodies.append(request.get_json())
        here.agents.add(request.headers.get("User-Agent"))
        return Response("thanks", status=here.status)

    with serving(take, here.port):
        yield here


@contextmanager
def serving(app: Any, port: int) -> Iterator[None]:
    with served(make_server(LOOPBACK, port, app, threaded=True, request_handler=_Quiet)):
        yield


@pytest.fixture(scope="session")
def service_port() -> int:
    return free_port()


@pytest.fixture(scope="session")
def _service(
    settings: Settings,
    per_dialect: PerDialect,
    gitlab_port: int,
    receiver_port: int,
    service_port: int,
) -> Flask:
    allowed = (f"{LOOPBACK}:{gitlab_port}", f"{LOOPBACK}:{receiver_port}")
    ours = replace(
        settings,
        public_base_url=f"http://{LOOPBACK}:{service_port}",
        gitlab_allowed_hosts=AllowedHosts.parse(allowed),
    )
    return per_dialect.once(ours, lambda: make_application(ours))


@pytest.fixture
def service(app: Flask, _service: Flask, receiver: Receiver, service_port: int) -> Iterator[Flask]:
    """The application, served where its own public base URL says; with other settings only
    until the test is over.
    """
    settings = _service.extensions["settings"]
    with serving(_service, service_port):
        yield _service
    _service.extensions["settings"] = settings


@dataclass(frozen=True)
class Health:
    """What is wrong now, nothing written."""

    findings: list[Finding]


@dataclass
class Connected:
    """An org that follows issues of one project, ``ships/engine``; the test runs the jobs."""

    app: Flask
    org: Org
    admin: Principal
    gitlab: SimulatedGitLab
    project: Project
    issues: list[Any]
    factory: Factory

    @property
    def webhook_url(self) -> str:
        settings = self.app.extensions["settings"]
        return f"{settings.public_base_url}/api/orgs/{self.org.id}/integrations/gitlab/webhook"

    def watch(self) -> None:
        """What the schedule does within seconds."""
        with self.app.app_context():
            find_due_checks()
            run_checks(self.org.id)
            run_operations(self.org.id)
            publish_events(self.org.id)
            send_events(self.org.id)

    def work(self) -> None:
        """Drain and fetch until there is nothing left to do."""
        self.gitlab.state.sender.wait_idle()
        with self.app.app_context():
            drain_slice(self.org.id)
            fetch_slice(self.org.id)

    def sweep(self) -> None:
        """The scheduled refresh: everything is due."""
        with self.app.app_context():
            db.session.execute(db.update(GitLabItem).values(next_sync_at=GitLabItem.last_synced_at))
            db.session.commit()
            fetch_slice(self.org.id)

    def integration(self) -> OrgGitLabIntegration:
        with self.app.app_context():
            found = find_integration(self.org.id)
            assert found is not None
            db.session.expunge(found)
            return found

    def operate(self) -> None:
        """The worker's part of what was asked for by a page or a program."""
        with self.app.app_context():
            run_operations(self.org.id)

    def health(self) -> "Health":
        from gitlab_links.clock import utcnow

        with self.app.app_context():
            return Health(findings(load(self.org.id, utcnow())))

    def codes(self) -> list[str]:
        return [finding.code for finding in self.health().findings]

    def watched(self) -> WatchedProject:
        from gitlab_links.clock import utcnow

        with self.app.app_context():
            (found,) = watched_projects(self.org.id, utcnow())
            return found

    def audited(self, action: str) -> list[dict[str, Any]]:
        with self.app.app_context():
            events = select(AuditEvent).where(AuditEvent.action == action).order_by(AuditEvent.id)
            return [event.detail for event in db.session.scalars(events)]

    def change(self, **columns: Any) -> None:
        with self.app.app_context():
            db.session.execute(db.update(OrgGitLabIntegration).values(**columns))
            db.session.commit()

    @property
    def project_id(self) -> uuid.UUID:
        return self.watched().id


@pytest.fixture
def connected(service: Flask, factory: Factory, gitlab: SimulatedGitLab) -> Connected:
    """Connected with an administrator's token; everything has been fetched once."""
    org = factory.org()
    admin = factory.principal(org, Role.ADMIN)
    state = gitlab.state
    state.people.add_user("dana", "Dana Moss")
    project = state.projects.add("ships/engine")
    state.projects.add_member(project, state.people.user("dana"), 40)
    issues = [state.items.add_issue(project, title=f"Leak {n}", author="dana") for n in (1, 2, 3)]
    factory.connect(org, base_url=gitlab.url, token=GITLAB_TOKEN)
    task = factory.task(org)
    with service.app_context():
        attach_all(admin, task.id, [state.urls.item(issue) for issue in issues], all_or_none=True)
        db.session.commit()
    found = Connected(service, org, admin, gitlab, project, issues, factory)
    found.work()
    return found
