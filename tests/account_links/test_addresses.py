"""A new address is the account's once its owner opens a link there."""

from email.message import EmailMessage
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from gitlab_links.accounts.models import User
from gitlab_links.accounts.roles import Role
from gitlab_links.audit.models import AuditEvent
from gitlab_links.extensions import db
from tests.api.callers import Caller, browser
from tests.factories import Factory
from tests.invitations.conftest import link_in, send_mails
from tests.pages.markup import Markup, text_of

PASSWORD = "correct horse battery"
NEW = "sam.jones@example.com"


@pytest.fixture
def sam(factory: Factory) -> User:
    user = factory.user_with_password(PASSWORD, email="sam@example.com", name="Sam")
    factory.membership(factory.org(), Role.MEMBER, user)
    return user


def ask(person: Caller, email: str = NEW, current: str = PASSWORD) -> Any:
    return person.post("/account/address", data={"email": email, "current": current})


def address(app: Flask, user: User) -> str:
    with app.app_context():
        return db.session.get_one(User, user.id).email


def test_an_address_changes_when_its_link_is_opened(
    mailing: Flask, mailbox: list[EmailMessage], sam: User
) -> None:
    person = browser(mailing, sam.id)
    assert ask(person).status_code == 302
    assert f"{NEW} waits to be confirmed" in text_of(person.get("/account"))
    send_mails(mailing)
    (message,) = mailbox
    assert (message["To"], message["Subject"]) == (NEW, "Confirm your new e-mail address")
    path = link_in(message)
    assert NEW in text_of(person.get(path))
    assert address(mailing, sam) == "sam@example.com"  # looking changes nothing
    assert person.post(path).headers["Location"] == "/account"
    assert address(mailing, sam) == NEW
    assert person.get(path).status_code == 404
    with mailing.app_context():
        event = db.session.scalars(select(AuditEvent)).one()
    assert (event.action, event.detail) == (
        "account.address_changed",
        {"email": NEW, "before": "sam@example.com"},
    )


def test_whoever_has_the_mailbox_gets_no_account(
    mailing: Flask, mailbox: list[EmailMessage], factory: Factory, sam: User
) -> None:
    """The address was mistyped, and belongs to somebody else."""
    ask(browser(mailing, sam.id))
    send_mails(mailing)
    path = link_in(mailbox[0])
    assert "/login" in mailing.test_client().post(path).headers["Location"]
    other = browser(mailing, factory.user(email=NEW[1:]).id)
    assert [other.get(path).status_code, other.post(path).status_code] == [404, 404]
    assert address(mailing, sam) == "sam@example.com"


@pytest.mark.parametrize(
    ("email", "current", "field", "words"),
    [
        ("x", PASSWORD, "email", "Enter an e-mail address"),
        ("sam@example.com", PASSWORD, "email", "your address already"),
        (NEW, "wrong", "current", "This is not your password."),
        (NEW, "", "current", "This is not your password."),
    ],
)
def test_a_refusal_says_why(
    mailing: Flask, sam: User, email: str, current: str, field: str, words: str
) -> None:
    answer = ask(browser(mailing, sam.id), email, current)
    assert answer.status_code == 422
    assert words in Markup.of(answer).one("div", id=f"{field}-error").text


def test_an_address_with_an_account_is_said_only_to_its_mailbox(
    mailing: Flask, mailbox: list[EmailMessage], factory: Factory, sam: User
) -> None:
    factory.user(email=NEW)
    person = browser(mailing, sam.id)
    assert ask(person).status_code == 302
    send_mails(mailing)
    answer = person.post(link_in(mailbox[0]))
    assert (answer.status_code, "belongs to another account" in text_of(answer)) == (422, True)
    assert address(mailing, sam) == "sam@example.com"


def test_a_link_of_an_earlier_request_is_ended(
    mailing: Flask, mailbox: list[EmailMessage], sam: User
) -> None:
    person = browser(mailing, sam.id)
    for email in ("first@example.com", NEW):
        ask(person, email)
        send_mails(mailing)
    first, second = (link_in(message) for message in mailbox)
    assert [person.get(one).status_code for one in (first, second)] == [404, 200]
    assert (
        mailing.test_client().get(second.replace("account/address", "password")).status_code == 404
    )


def test_without_a_mail_server_the_operator_changes_it(
    app: Flask, factory: Factory, sam: User
) -> None:
    person = browser(app, sam.id)
    assert "Ask whoever runs it" in text_of(person.get("/account"))
    assert ask(person).status_code == 409
    run = app.test_cli_runner().invoke
    for new, words in (
        ("sam", "'sam' is not an e-mail address"),
        (sam.email, "has the address"),
        (factory.user(email="ada@example.com").email, "belongs to another account. Nothing was"),
    ):
        refused = run(args=["set-address", "--email", sam.email, "--new", new])
        assert (refused.exit_code, words in refused.output) == (1, True), refused.output
    result = run(args=["set-address", "--email", sam.email, "--new", "Sam.Jones@Example.com"])
    assert (result.exit_code, address(app, sam)) == (0, NEW)
    again = run(args=["set-address", "--email", sam.email, "--new", NEW])
    assert "There is no account" in again.output
