"""An org whose admin invites people, with and without a mail server."""

from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gitlab_links.accounts.models import Org, User
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db
from gitlab_links.invitations.changes import Invited, invite
from gitlab_links.jobs.link_mails import send_due_mails
from gitlab_links.mail import MailServer, Transport
from tests.conftest import MakeApp
from tests.factories import Factory
from tests.pages.markup import Markup

EMAIL = "sam@example.com"
PASSWORD = "a staple of new words"
SERVER = MailServer("mail.example.com", 25, Transport.PLAIN, "links@example.com")


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


@pytest.fixture
def mailing(make_app: MakeApp) -> Flask:
    """The application with a mail server; see ``mailbox``."""
    return make_app(mail_server=SERVER)


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> list[EmailMessage]:
    """What was given to the mail server; tests/health/test_emails.py speaks to a real one."""
    sent: list[EmailMessage] = []

    def keep(_server: MailServer, message: EmailMessage, _seconds: float) -> None:
        sent.append(message)

    monkeypatch.setattr(MailServer, "send", keep)
    return sent


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
    return str(part.get_content())


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
