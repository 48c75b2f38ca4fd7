"""A forgotten password: by mail, or by a link of an admin who must not become anybody else."""

from email.message import EmailMessage
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import func, select

from gitlab_links.account_links.models import AccountLink
from gitlab_links.accounts.models import LoginSession, Membership, Org, User
from gitlab_links.accounts.roles import Role
from gitlab_links.audit.models import AuditEvent
from gitlab_links.extensions import db
from gitlab_links.job_triggers import SCHEDULE_QUEUE
from gitlab_links.jobs.sweeps import sweep
from tests.api.callers import Caller, browser
from tests.conftest import MakeApp
from tests.factories import Factory
from tests.invitations.conftest import fill, html, link_in, plain, send_mails
from tests.jobs.conftest import queued
from tests.pages.markup import Markup, text_of

OLD, NEW = "correct horse battery", "a staple of new words"
EMAIL = "sam@example.com"
FORGOTTEN = "/password/forgotten"
ENDED = "This link is no longer valid"


@pytest.fixture
def sam(factory: Factory, org: Org) -> Membership:
    user = factory.user_with_password(OLD, email=EMAIL, name="Sam")
    return factory.membership(org, Role.MEMBER, user)


def ask(client: FlaskClient, email: str = EMAIL) -> Any:
    return fill(client, FORGOTTEN, "", email=email)


def set_password(client: FlaskClient, path: str, password: str = NEW) -> Any:
    return fill(client, path, "", password=password, again=password)


def log_in(client: FlaskClient, password: str) -> int:
    return fill(client, "/login", "", email=EMAIL, password=password).status_code


def make(caller: Caller, org: Org, member: Membership) -> str:
    """The path of a link that an admin makes to hand over; empty if they are refused."""
    where = f"/orgs/{org.id}/members/{member.id}/password-link"
    page = Markup.of(caller.post(where, follow_redirects=True))
    shown = page.all("input", id="password-link")
    return shown[0]["value"].removeprefix("http://localhost") if shown else ""


def count(app: Flask, model: type[Any]) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_a_forgotten_password_is_set_by_a_mailed_link(
    mailing: Flask, mailbox: list[EmailMessage], sam: Membership
) -> None:
    browser(mailing, sam.user_id)
    assert "a mail with a link is on its way" in text_of(
        ask(mailing.test_client(), " Sam@Example.com")
    )
    send_mails(mailing)
    (message,) = mailbox
    path = link_in(message)
    assert (message["To"], message["Subject"]) == (EMAIL, "Set a new password")
    assert "your password stays as it is" in plain(message)
    assert f'href="http://localhost{path}"' in html(message)
    client = mailing.test_client()
    assert EMAIL in text_of(client.get(path))
    answer = set_password(client, path)
    assert answer.headers["Location"] == "/login"
    assert "Your new password is set" in text_of(client.get("/login"))
    assert count(mailing, LoginSession) == 0
    assert [log_in(mailing.test_client(), one) for one in (OLD, NEW)] == [422, 302]
    again = client.get(path)
    assert (again.status_code, ENDED in text_of(again)) == (404, True)
    with mailing.app_context():
        assert db.session.get_one(User, sam.user_id).email_confirmed_at is not None
        actions = db.session.scalars(select(AuditEvent.action)).all()
    assert actions == ["password.set_by_link"]


def test_the_next_sweep_triggers_a_mail(mailing: Flask, sam: Membership, redis: Redis) -> None:
    def triggered() -> int:
        redis.flushdb()
        with mailing.app_context():
            sweep()
        return queued(redis, SCHEDULE_QUEUE)

    assert triggered() == 0
    ask(mailing.test_client())
    assert triggered() == 1
    send_mails(mailing)
    assert triggered() == 0


def test_an_address_without_an_account_gets_the_same_answer_and_no_mail(
    mailing: Flask, mailbox: list[EmailMessage], sam: Membership
) -> None:
    pages = {
        text_of(ask(mailing.test_client(), email)).replace(email, "-")
        for email in (EMAIL, "nobody@example.com", "no address")
    }
    assert len(pages) == 1
    send_mails(mailing)
    assert [message["To"] for message in mailbox] == [EMAIL]
    assert count(mailing, AccountLink) == 1


def test_one_link_ends_all_others(
    mailing: Flask, mailbox: list[EmailMessage], sam: Membership
) -> None:
    for _ in range(2):
        ask(mailing.test_client())
        send_mails(mailing)
    first, second = (link_in(message) for message in mailbox)
    assert set_password(mailing.test_client(), second).status_code == 302
    assert mailing.test_client().get(first).status_code == 404


def test_a_mailed_link_lasts_an_hour(
    mailing: Flask, mailbox: list[EmailMessage], sam: Membership, clock: Any
) -> None:
    ask(mailing.test_client())
    send_mails(mailing)
    clock.advance(3599)
    assert mailing.test_client().get(link_in(mailbox[0])).status_code == 200
    clock.advance(2)
    assert mailing.test_client().get(link_in(mailbox[0])).status_code == 404


@pytest.mark.usefixtures("clock")  # the window must not end meanwhile
def test_nobody_is_flooded_with_mail(
    mailing: Flask, mailbox: list[EmailMessage], sam: Membership
) -> None:
    statuses = [ask(mailing.test_client()).status_code for _ in range(21)]
    assert statuses == [200] * 20 + [429]
    send_mails(mailing)
    assert len(mailbox) == 3


def test_without_a_mail_server_it_says_whom_to_ask(app: Flask) -> None:
    page = app.test_client().get(FORGOTTEN)
    assert "Ask an admin of your org" in text_of(page)
    assert not Markup.of(page).all("form")


def test_an_admin_hands_a_link_over(
    app: Flask, org: Org, admin: User, sam: Membership, clock: Any
) -> None:
    path = make(browser(app, admin.id), org, sam)
    assert set_password(app.test_client(), path, "short").status_code == 422
    assert set_password(app.test_client(), path).status_code == 302
    assert log_in(app.test_client(), NEW) == 302
    with app.app_context():
        user = db.session.get_one(User, sam.user_id)
        assert user.email_confirmed_at is None
        actions = db.session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)).all()
    assert actions == ["password.link_created", "password.set_by_link"]


def test_no_admin_gets_the_key_to_more_than_they_may_give(
    make_app: MakeApp, factory: Factory, org: Org, admin: User
) -> None:
    """An operator, another admin, somebody who is in another org, and oneself."""
    app = make_app(operator_emails=frozenset({"ops@example.com"}))
    operator = factory.user(email="ops@example.com")
    elsewhere = factory.user()
    factory.membership(factory.org(), Role.CLIENT, elsewhere)
    with app.app_context():
        own = db.session.scalars(select(Membership).where(Membership.user_id == admin.id)).one()
    members = [
        factory.membership(org, Role.MEMBER, operator),
        factory.membership(org, Role.CLIENT, elsewhere),
        factory.membership(org, Role.ADMIN),
        own,
    ]
    assert [make(browser(app, admin.id), org, member) for member in members] == [""] * 4
    assert count(app, AccountLink) == 0


def test_a_link_handed_over_ends_when_its_account_gets_more(
    app: Flask, factory: Factory, org: Org, admin: User, sam: Membership
) -> None:
    path = make(browser(app, admin.id), org, sam)
    with app.app_context():
        user = db.session.get_one(User, sam.user_id)
    factory.membership(factory.org(), Role.CLIENT, user)
    assert app.test_client().get(path).status_code == 404
    assert log_in(app.test_client(), OLD) == 302


def test_with_a_mail_server_the_admin_sees_no_link(
    mailing: Flask, mailbox: list[EmailMessage], org: Org, admin: User, sam: Membership
) -> None:
    where = f"/orgs/{org.id}/members/{sam.id}/password-link"
    page = browser(mailing, admin.id).post(where, follow_redirects=True)
    assert f"is on its way to {EMAIL}" in page.text
    assert "/password/" not in text_of(page)
    send_mails(mailing)
    assert set_password(mailing.test_client(), link_in(mailbox[0])).status_code == 302


def test_guesses_and_other_kinds_of_links_open_nothing(
    app: Flask, factory: Factory, org: Org, sam: Membership
) -> None:
    from gitlab_links.invitations.changes import invite

    principal = factory.principal(org, Role.ADMIN)
    with app.app_context():
        invited = invite(principal, "new@example.com", "New", Role.MEMBER).link
        db.session.commit()
    assert invited is not None
    for token in ("guessed", "x" * 43, "%C3%A9", invited.rpartition("/")[2]):
        assert app.test_client().get(f"/password/{token}").status_code == 404


def test_another_site_sets_nothing(app: Flask, org: Org, admin: User, sam: Membership) -> None:
    path = make(browser(app, admin.id), org, sam)
    answer = app.test_client().post(path, data={"password": NEW, "again": NEW})
    assert answer.status_code == 403
    assert log_in(app.test_client(), OLD) == 302
