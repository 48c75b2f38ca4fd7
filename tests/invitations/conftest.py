"""An org whose admin invites people, with and without a mail server."""

from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gitlab_links.accounts.models import Org, User
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db
from gitlab_links.invitations.changes import Invited, invite
from gitlab_links.jobs.link_mails import send_due_mails
from gitlab_links.local.services import free_port
from gitlab_links.mail import MailServer, Transport
from tests.conftest import MakeApp
from tests.factories import Factory
from tests.pages.markup import Markup

EMAIL = "sam@example.com"
PASSWORD = "a staple of new words"


@pytest.fixture
def org(factory: Factory) -> Org:
    return factory.org(name="Acme Rockets", task_key="ACME")


@pytest.fixture
def admin(factory: Factory, org: Org) -> User:
    user = factory.user(name="Ada Admin")
    factory.membership(org, Role.ADMIN, user)
    return user


@pytest.fixture
def principal(org: Org, admin: User) -> Principal:
    return Principal(org.id, admin.id, Role.ADMIN)


class Keeping:
    """Keeps the mails that a real mail server takes."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


@pytest.fixture(scope="session")
def keeping() -> Iterator[tuple[MailServer, Keeping]]:
    """A mail server for all tests, and what it has taken."""
    handler = Keeping()
    controller = Controller(handler, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield MailServer("127.0.0.1", controller.port, Transport.PLAIN, "links@example.com"), handler
    controller.stop()


@pytest.fixture
def mail_server(keeping: tuple[MailServer, Keeping]) -> MailServer:
    return keeping[0]


@pytest.fixture
def mailing(make_app: MakeApp, mail_server: MailServer) -> Flask:
    """The application with a mail server; see ``mailbox``."""
    return make_app(mail_server=mail_server)


@pytest.fixture
def mailbox(keeping: tuple[MailServer, Keeping]) -> list[EmailMessage]:
    """What the mail server has taken during this test."""
    keeping[1].mails.clear()
    return keeping[1].mails


Inviting = Callable[..., Invited]


@pytest.fixture
def inviting(app: Flask, principal: Principal) -> Inviting:
    """Invites as the admin: ``inviting(EMAIL, role=Role.PM, by=app)``."""

    def make(email: str = EMAIL, role: Role = Role.MEMBER, by: Flask | None = None) -> Invited:
        with (by or app).app_context():
            made = invite(principal, email, "Sam", role)
            db.session.commit()
            return made

    return make


def path_of(link: str | None) -> str:
    assert link is not None
    return link.removeprefix("http://localhost")


def send_mails(app: Flask) -> None:
    with app.app_context():
        send_due_mails()


def plain(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")  # lines end as mails have it


def html(message: EmailMessage) -> str:
    part = message.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def link_in(message: EmailMessage) -> str:
    """The path of the one link in a mail."""
    (link,) = [line for line in plain(message).splitlines() if line.startswith("http")]
    return path_of(link)


def fill(client: FlaskClient, path: str, action: str, **form: Any) -> TestResponse:
    """Open the page and send the form with this action."""
    page = client.get(path)
    found = Markup.of(page).all("input", name="csrf_token")
    token = found[0]["value"] if found else ""
    return client.post(f"{path}{action}", data={"csrf_token": token, **form})


def register(client: FlaskClient, path: str, **form: str) -> TestResponse:
    whole = {"name": "Sam Jones", "password": PASSWORD, "again": PASSWORD, **form}
    return fill(client, path, "/register", **whole)
