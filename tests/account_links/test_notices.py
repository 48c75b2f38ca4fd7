"""Whoever owns an account hears of what could give it to somebody else."""

from email.message import EmailMessage

import pytest
from flask import Flask

from gitlab_links.accounts.models import User
from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.mail import MailServer
from tests.api.callers import browser
from tests.conftest import MakeApp
from tests.factories import Factory
from tests.invitations.conftest import html, link_in, plain, send_mails
from tests.pages.markup import hidden
from tests.sign_in.conftest import CALLBACK, CLIENT, SECRET, issuer_at, link

PASSWORD, NEW = "correct horse battery", "a staple of new words"


@pytest.fixture
def sam(factory: Factory) -> User:
    return factory.user_with_password(PASSWORD, email="sam@example.com", name="Sam")


def only(app: Flask, mailbox: list[EmailMessage]) -> tuple[str, str]:
    """Address and subject of the one mail there is to send."""
    mailbox.clear()
    send_mails(app)
    (message,) = mailbox
    assert "If it was not you" in plain(message)
    assert link_in(message) == "/account"
    assert "sam" in html(message)
    return message["To"], message["Subject"]


def test_a_changed_password(mailing: Flask, mailbox: list[EmailMessage], sam: User) -> None:
    person = browser(mailing, sam.id)
    form = {"current": PASSWORD, "password": NEW, "again": NEW}
    page = person.get("/account/password")
    person.post("/account/password", data={**form, **hidden(page, "csrf_token")})
    assert only(mailing, mailbox) == ("sam@example.com", "Your password was changed")


def test_a_password_set_by_the_operator(
    mailing: Flask, mailbox: list[EmailMessage], sam: User
) -> None:
    command = ["set-password", "--email", sam.email, "--password", NEW]
    assert mailing.test_cli_runner().invoke(args=command).exit_code == 0
    assert only(mailing, mailbox) == ("sam@example.com", "Your password was changed")


def test_another_address_is_said_at_the_former_one(
    mailing: Flask, mailbox: list[EmailMessage], sam: User
) -> None:
    person = browser(mailing, sam.id)
    form = {"email": "sam.jones@example.com", "current": PASSWORD}
    person.post("/account/address", data=form)
    send_mails(mailing)
    person.post(link_in(mailbox[0]))
    expected = ("sam@example.com", "Your account has another e-mail address")
    assert only(mailing, mailbox) == expected


def test_a_linked_account(
    make_app: MakeApp,
    gitlab: SimulatedGitLab,
    mail_server: MailServer,
    mailbox: list[EmailMessage],
    sam: User,
) -> None:
    gitlab.state.sign_ins.register(CLIENT, SECRET, CALLBACK)
    gitlab.state.people.add_user("sam")
    app = make_app(issuer=issuer_at(gitlab.url), mail_server=mail_server)
    link(browser(app, sam.id))
    assert only(app, mailbox) == ("sam@example.com", "Another account was linked to yours")


def test_without_a_mail_server_nothing_waits(app: Flask, sam: User) -> None:
    from gitlab_links.account_links.models import AccountLink
    from gitlab_links.extensions import db

    command = ["set-password", "--email", sam.email, "--password", NEW]
    assert app.test_cli_runner().invoke(args=command).exit_code == 0
    with app.app_context():
        assert db.session.query(AccountLink).count() == 0
