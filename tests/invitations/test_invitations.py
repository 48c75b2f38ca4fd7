"""A link makes its holder a member: once, for 7 days, and only the person who is invited."""

import threading
from email.message import EmailMessage
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from gitlab_links.accounts.members import members_page
from gitlab_links.accounts.models import Org, User
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.audit.models import AuditEvent
from gitlab_links.extensions import db
from gitlab_links.invitations.acceptance import InvitationEnded, accept
from gitlab_links.invitations.changes import AlreadyInvited, invite, resend, revoke
from gitlab_links.invitations.models import Invitation
from gitlab_links.invitations.queries import InvitationStatus, invitations_page
from gitlab_links.jobs.sweeps import sweep
from gitlab_links.local.services import free_port
from gitlab_links.mail import MailServer, Transport
from tests.api.callers import browser, nobody, program
from tests.conftest import MakeApp
from tests.factories import Factory
from tests.invitations.conftest import (
    EMAIL,
    Inviting,
    fill,
    html,
    link_in,
    path_of,
    plain,
    register,
    send_mails,
)
from tests.pages.markup import text_of

ENDED = "This invitation is no longer valid"


def roles(app: Flask, org: Org) -> dict[str, str]:
    with app.app_context():
        return {one.email: one.role.value for one in members_page(org.id)}


def test_a_new_person_chooses_a_password_and_is_in(
    app: Flask, inviting: Inviting, org: Org
) -> None:
    client, path = app.test_client(), path_of(inviting(role=Role.PM).link)
    assert "Join Acme Rockets" in text_of(client.get(path))
    answer = register(client, path)
    assert answer.headers["Location"] == f"/orgs/{org.id}/tasks"
    assert "Welcome to Acme Rockets." in text_of(client.get(answer.headers["Location"]))
    assert roles(app, org)[EMAIL] == "pm"
    with app.app_context():
        user = db.session.scalars(select(User).where(User.email == EMAIL)).one()
        assert (user.name, user.email_confirmed_at) == ("Sam Jones", None)
        last = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
        assert last is not None
        assert (last.action, last.actor_user_id) == ("member.added", user.id)


def test_somebody_with_an_account_logs_in_and_joins(
    app: Flask, factory: Factory, inviting: Inviting, org: Org
) -> None:
    user = factory.user_with_password("correct horse battery", email=EMAIL)
    path = path_of(inviting().link)
    assert path in nobody(app).get(path).text  # the way back from the login
    person = browser(app, user.id)
    assert "You are logged in" in text_of(person.get(path))
    assert person.post(f"{path}/accept").headers["Location"] == f"/orgs/{org.id}/tasks"
    assert roles(app, org)[EMAIL] == "member"


def test_a_link_works_once(app: Flask, inviting: Inviting, org: Org) -> None:
    path = path_of(inviting().link)
    assert register(app.test_client(), path).status_code == 302
    again = app.test_client().get(path)
    assert (again.status_code, ENDED in text_of(again)) == (404, True)


@pytest.mark.differs_by_database
def test_of_four_who_use_a_link_at_once_one_is_in(
    app: Flask, factory: Factory, principal: Principal
) -> None:
    user = factory.user(email=EMAIL)
    with app.app_context():
        link = invite(principal, EMAIL, "Sam", Role.MEMBER).link
        db.session.commit()
    token, results = path_of(link).rpartition("/")[2], []
    barrier = threading.Barrier(4)

    def use() -> None:
        with app.app_context():
            barrier.wait()
            try:
                accept(token, user.id)
                db.session.commit()
                results.append("in")
            except InvitationEnded:
                results.append("ended")

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["ended", "ended", "ended", "in"]


def test_an_invitation_lasts_7_days(app: Flask, inviting: Inviting, clock: Any) -> None:
    path = path_of(inviting().link)
    clock.advance(7 * 86_400 - 1)
    assert app.test_client().get(path).status_code == 200
    clock.advance(2)
    assert app.test_client().get(path).status_code == 404
    assert inviting().link is not None  # an address whose invitation expired can be invited


@pytest.mark.usefixtures("clock")  # a page has the second of its making
def test_guesses_and_ends_read_the_same(
    app: Flask, inviting: Inviting, principal: Principal
) -> None:
    made = inviting()
    path = path_of(made.link)
    with app.app_context():
        revoke(principal, made.invitation.id)
        db.session.commit()
    client = app.test_client()
    pages = {
        client.get(one).text
        for one in (path, "/invitations/guessed", "/invitations/%C3%A9", f"/invitations/{'x' * 43}")
    }
    assert len(pages) == 1
    assert fill(client, "/login", "", email=EMAIL, password="x").status_code == 422
    post = {"name": "Eve", "password": "long enough words", "again": "long enough words"}
    token = client.get("/login").text.split('name="csrf_token" value="')[1].split('"')[0]
    answer = client.post("/invitations/guessed/register", data={**post, "csrf_token": token})
    assert answer.status_code == 404


def test_nobody_else_accepts_it(app: Flask, factory: Factory, inviting: Inviting, org: Org) -> None:
    path = path_of(inviting().link)
    eve = browser(app, factory.user(email="eve@example.com").id)
    assert "for another address" in text_of(eve.get(path))
    refused = eve.post(f"{path}/accept")
    assert (refused.status_code, "for another address" in text_of(refused)) == (403, True)
    assert "eve@example.com" not in roles(app, org)
    assert app.test_client().get(path).status_code == 200  # it is not used up


def test_another_site_accepts_nothing(app: Flask, factory: Factory, inviting: Inviting) -> None:
    user = factory.user(email=EMAIL)
    path = path_of(inviting().link)
    assert browser(app, user.id, csrf=False).post(f"{path}/accept").status_code == 403
    assert app.test_client().post(f"{path}/register", data={"name": "x"}).status_code == 403


def test_an_address_with_an_account_gets_no_second_password(
    app: Flask, factory: Factory, inviting: Inviting
) -> None:
    user = factory.user_with_password("correct horse battery", email=EMAIL)
    answer = register(app.test_client(), path_of(inviting().link))
    assert (answer.status_code, "Log in with it" in text_of(answer)) == (422, True)
    with app.app_context():
        assert db.session.get_one(User, user.id).password_hash == user.password_hash


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"password": "short", "again": "short"}, "characters"),
        ({"again": "other"}, "The two passwords differ."),
        ({"password": ""}, "Enter the new password."),
        ({"name": ""}, "Enter a name"),
        ({"name": "\u202eevil"}, "Enter a name"),
    ],
)
def test_a_refused_form_says_why(
    app: Flask, inviting: Inviting, wrong: dict[str, str], words: str
) -> None:
    path = path_of(inviting().link)
    answer = register(app.test_client(), path, **wrong)
    assert (answer.status_code, words in text_of(answer)) == (422, True)


def test_with_a_mail_server_only_the_mail_has_the_link(
    mailing: Flask, mailbox: list[EmailMessage], inviting: Inviting, org: Org
) -> None:
    made = inviting(by=mailing)
    assert (made.link, made.invitation.status) == (None, InvitationStatus.WAITING)
    send_mails(mailing)
    (message,) = mailbox
    assert message["To"] == EMAIL
    assert message["Subject"] == "Ada Admin invites you to Acme Rockets"
    assert "works once, and for 7 days" in plain(message)
    path = link_in(message)
    assert html(message).count(f'href="http://localhost{path}"') == 2
    with mailing.app_context():
        (listed,) = invitations_page(org.id)
        assert listed.status is InvitationStatus.MAILED
    assert register(mailing.test_client(), path).status_code == 302
    with mailing.app_context():
        user = db.session.scalars(select(User).where(User.email == EMAIL)).one()
        assert user.email_confirmed_at is not None
    send_mails(mailing)
    assert len(mailbox) == 1


def test_a_mail_that_fails_is_tried_five_times_and_says_why(
    make_app: MakeApp, inviting: Inviting, org: Org, clock: Any
) -> None:
    nobody_listens = MailServer("127.0.0.1", free_port(), Transport.PLAIN, "links@example.com")
    mailing = make_app(mail_server=nobody_listens)
    inviting(by=mailing)
    for _ in range(8):
        send_mails(mailing)
        clock.advance(3601)
    with mailing.app_context():
        (listed,) = invitations_page(org.id)
        (row,) = db.session.scalars(select(Invitation))
        assert (row.mail_attempts, row.mail_due_at) == (5, None)
    assert listed.status is InvitationStatus.FAILED
    assert listed.mail_error == "the mail server cannot be reached: Connection refused"


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize("failed", [False, True])
def test_a_mail_from_before_the_clock_was_set_back_is_sent(
    make_app: MakeApp, mailing: Flask, mailbox: Any, inviting: Inviting, clock: Any, failed: bool
) -> None:
    inviting(by=mailing)
    if failed:
        nobody_listens = MailServer("127.0.0.1", free_port(), Transport.PLAIN, "links@example.com")
        send_mails(make_app(mail_server=nobody_listens))
    clock.advance(-7200)
    send_mails(mailing)
    assert not mailbox
    with mailing.app_context():
        sweep()
    send_mails(mailing)
    assert len(mailbox) == 1


def test_sending_again_ends_the_earlier_link(
    app: Flask, inviting: Inviting, principal: Principal
) -> None:
    first = inviting()
    with app.app_context():
        with pytest.raises(AlreadyInvited):
            invite(principal, EMAIL, "Sam", Role.MEMBER)
        second = resend(principal, first.invitation.id)
        db.session.commit()
    statuses = [app.test_client().get(path_of(one.link)).status_code for one in (first, second)]
    assert statuses == [404, 200]


def test_an_org_has_a_limit_of_mails(
    app: Flask, principal: Principal, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gitlab_links.invitations.changes.MAILS_A_DAY", 2)
    key = browser(app, principal.user_id)
    answers = [
        key.post(f"/api/orgs/{principal.org_id}/members", json={"email": f"u{n}@x.y", "role": "pm"})
        for n in range(3)
    ]
    assert [one.status_code for one in answers] == [201, 201, 429]


def test_an_invitation_made_with_a_key_ends_with_the_key(
    app: Flask, factory: Factory, org: Org, admin: User
) -> None:
    path = f"/api/orgs/{org.id}"
    stolen = program(app, factory.api_key(org))
    link = stolen.post(f"{path}/members", json={"email": EMAIL, "role": "pm"}).json["link"]
    assert app.test_client().get(path_of(link)).status_code == 200
    own = stolen.get("/api/me").json["me"]["api_key"]["id"]
    assert browser(app, admin.id).delete(f"{path}/api-keys/{own}").status_code == 204
    assert app.test_client().get(path_of(link)).status_code == 404


@pytest.mark.parametrize("known", [True, False])
def test_inviting_does_not_say_who_has_an_account(
    app: Flask, factory: Factory, org: Org, admin: User, known: bool
) -> None:
    if known:
        elsewhere = factory.user_with_password("correct horse battery", email=EMAIL, name="Real")
        factory.membership(factory.org(), Role.MEMBER, elsewhere)
    caller = browser(app, admin.id)
    made = caller.post(f"/api/orgs/{org.id}/members", json={"email": EMAIL, "role": "member"})
    assert made.status_code == 201
    invitation, link = made.json["invitation"], made.json["link"]
    assert invitation.keys() == {
        "id", "email", "name", "role", "status", "mail_error", "invited_by", "created_at",
        "expires_at",
    }  # fmt: skip
    assert (invitation["name"], invitation["status"]) == ("sam", "handed_over")
    assert "Real" not in caller.get(f"/orgs/{org.id}/members").text
    page = text_of(app.test_client().get(path_of(link)))
    assert ("New here?" in page, "You have an account?" in page) == (True, True)


@pytest.mark.parametrize("by_mail", [True, False])
def test_only_a_mailed_link_makes_an_operators_account(
    make_app: MakeApp,
    mail_server: MailServer,
    mailbox: list[EmailMessage],
    inviting: Inviting,
    by_mail: bool,
) -> None:
    server = mail_server if by_mail else None
    named = make_app(operator_emails=frozenset({EMAIL}), mail_server=server)
    made = inviting(by=named)
    if by_mail:
        send_mails(named)
    path = link_in(mailbox[0]) if by_mail else path_of(made.link)
    answer = register(named.test_client(), path)
    assert answer.status_code == (302 if by_mail else 403)


def test_old_invitations_are_deleted(app: Flask, inviting: Inviting, org: Org, clock: Any) -> None:
    from gitlab_links.jobs.functions import clean

    inviting()
    clock.advance(36 * 86_400)
    with app.app_context():
        clean()
        assert [one.status for one in invitations_page(org.id)] == [InvitationStatus.EXPIRED]
    clock.advance(2 * 86_400)
    with app.app_context():
        clean()
        assert not invitations_page(org.id)
