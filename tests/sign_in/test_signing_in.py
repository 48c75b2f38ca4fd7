"""Who comes in by an issuer: whoever has linked it, is invited, or has a trusted address."""

from email.message import EmailMessage

import pytest
from flask import Flask
from sqlalchemy import select

from gitlab_links.accounts.members import members_page
from gitlab_links.accounts.models import LoginSession, Org, User
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.audit.models import AuditEvent
from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.extensions import db
from gitlab_links.invitations.changes import invite
from gitlab_links.mail import MailServer
from gitlab_links.sign_in.models import Identity
from tests.api.callers import browser
from tests.factories import Factory
from tests.invitations.conftest import fill, link_in, path_of, send_mails
from tests.pages.markup import text_of
from tests.sign_in.conftest import (
    PASSWORD,
    MakeService,
    begin,
    choose,
    csrf_of,
    is_in,
    link,
    query_of,
    said,
    sign_in,
)


def confirm(app: Flask, user: User) -> None:
    """As a mailed link does."""
    from gitlab_links.accounts.mailed_links import confirm_address

    with app.app_context():
        confirm_address(db.session.get_one(User, user.id))
        db.session.commit()


def make_invitation(app: Flask, principal: Principal, email: str) -> str | None:
    with app.app_context():
        made = invite(principal, email, "Sam", Role.MEMBER).link
        db.session.commit()
        return made


def test_a_linked_account_opens_ones_own(service: Flask, sam: User, org: Org) -> None:
    answer = link(browser(service, sam.id))
    assert answer.headers["Location"] == "/account"
    client = service.test_client()
    answer = sign_in(client, path=f"/sign-in?next=/orgs/{org.id}/tasks%3Fq%3Da")
    assert answer.headers["Location"] == f"/orgs/{org.id}/tasks?q=a"
    assert is_in(client)
    page = text_of(client.get("/account"))
    assert "sam at http://127.0.0.1" in page
    with service.app_context():
        events = db.session.scalars(select(AuditEvent)).all()
    assert [(one.action, one.actor_user_id) for one in events] == [("identity.linked", sam.id)]


def test_the_browser_is_sent_with_pkce_state_and_nonce(service: Flask) -> None:
    first, second = (query_of(begin(service.test_client())) for _ in range(2))
    assert first["code_challenge_method"] == "S256"
    assert first["response_type"] == "code"
    assert first["scope"] == "openid profile email"
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) >= 43
        assert first[name] != second[name]


def test_a_stranger_gets_no_account(service: Flask, sam: User) -> None:
    """An issuer may be open to everybody."""
    client = service.test_client()
    answer = sign_in(client, "eve")
    assert "No account here is linked to your GitLab account eve" in said(client, answer)
    assert not is_in(client)
    with service.app_context():
        assert {one.email for one in db.session.scalars(select(User))} == {"sam@example.com"}


def test_a_verified_address_opens_a_confirmed_account_if_it_is_trusted(
    serve: MakeService, sam: User
) -> None:
    trusting, wary = serve(trusts_addresses=True), serve()
    client = trusting.test_client()
    refused = sign_in(client)
    assert "nobody has confirmed the address" in said(client, refused)
    confirm(trusting, sam)
    client = wary.test_client()
    assert "No account here is linked" in said(client, sign_in(client))
    client = trusting.test_client()
    assert sign_in(client).headers["Location"] == "/"
    assert is_in(client)


def test_an_unverified_address_opens_nothing(
    serve: MakeService, sam: User, gitlab: SimulatedGitLab
) -> None:
    service = serve(trusts_addresses=True)
    confirm(service, sam)
    gitlab.state.sign_ins.unverified.add("sam")
    client = service.test_client()
    assert "No account here is linked" in said(client, sign_in(client))
    for lie in ("true", 1, "yes", None):
        gitlab.state.sign_ins.said = {"email_verified": lie}
        assert "No account here is linked" in said(client, sign_in(client)), lie
    assert not is_in(client)


def test_the_invited_join_with_the_issuer(service: Flask, org: Org, principal: Principal) -> None:
    path = path_of(make_invitation(service, principal, "new@example.com"))
    client = service.test_client()
    assert "Join with GitLab" in text_of(client.get(path))
    start = f"/sign-in?invitation={path.rpartition('/')[2]}"
    assert sign_in(client, path=start).headers["Location"] == "/"
    assert is_in(client)
    with service.app_context():
        user = db.session.scalars(select(User).where(User.email == "new@example.com")).one()
        assert (user.password_hash, user.email_confirmed_at) == (None, None)
        assert "new@example.com" in {one.email for one in members_page(org.id)}
    other = service.test_client()
    refused = sign_in(other, "eve", start)
    assert "no longer valid" in other.get(refused.headers["Location"]).text
    again = service.test_client()
    sign_in(again)
    assert is_in(again)


def test_an_invitation_to_an_address_with_an_account_needs_that_account(
    service: Flask, factory: Factory, principal: Principal
) -> None:
    """Whoever holds a link handed over does not get into the account by signing in."""
    factory.user_with_password(PASSWORD, email="victim@example.com")
    path = path_of(make_invitation(service, principal, "victim@example.com"))
    client = service.test_client()
    answer = sign_in(client, "eve", f"/sign-in?invitation={path.rpartition('/')[2]}")
    assert answer.headers["Location"] == path
    assert "has an account here already" in client.get(path).text
    assert not is_in(client)


def test_whoever_has_linked_accepts_with_the_account_they_have(
    service: Flask, sam: User, factory: Factory
) -> None:
    link(browser(service, sam.id))
    other = factory.principal(factory.org(name="Other"), Role.ADMIN)
    path = path_of(make_invitation(service, other, sam.email))
    client = service.test_client()
    answer = sign_in(client, path=f"/sign-in?invitation={path.rpartition('/')[2]}")
    assert answer.headers["Location"] == path
    assert "You are logged in as Sam." in text_of(client.get(path))


def test_a_mailed_invitation_and_a_trusted_address_confirm_the_account(
    serve: MakeService,
    principal: Principal,
    mail_server: MailServer,
    mailbox: list[EmailMessage],
) -> None:
    service = serve(mail_server=mail_server, trusts_addresses=True)
    make_invitation(service, principal, "sam@example.com")
    send_mails(service)
    token = link_in(mailbox[0]).rpartition("/")[2]
    client = service.test_client()
    sign_in(client, path=f"/sign-in?invitation={token}")
    assert is_in(client)
    with service.app_context():
        user = db.session.scalars(select(User).where(User.email == "sam@example.com")).one()
        assert user.email_confirmed_at is not None


def test_unlinking_ends_the_sessions_it_opened(service: Flask, sam: User) -> None:
    here = browser(service, sam.id)
    link(here)
    elsewhere = service.test_client()
    sign_in(elsewhere)
    with service.app_context():
        identity = db.session.scalars(select(Identity)).one()
    assert here.post(f"/account/identities/{identity.id}/unlink").status_code == 302
    assert (is_in(here.client), is_in(elsewhere)) == (True, False)
    client = service.test_client()
    assert "No account here is linked" in said(client, sign_in(client))
    with service.app_context():
        actions = db.session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)).all()
    assert actions == ["identity.linked", "identity.unlinked"]


def test_the_last_way_in_stays(service: Flask, factory: Factory, org: Org) -> None:
    user = factory.user()
    here = browser(service, user.id)
    link(here, current="")
    with service.app_context():
        identity = db.session.scalars(select(Identity)).one()
    here.post(f"/account/identities/{identity.id}/unlink")
    assert "You could not log in any more" in here.get("/account").text
    with service.app_context():
        assert db.session.scalars(select(Identity)).all()
    eve = browser(service, factory.user().id)
    assert eve.post(f"/account/identities/{identity.id}/unlink").status_code == 404


def test_a_session_of_the_issuer_ends_where_ours_ends(service: Flask, sam: User) -> None:
    link(browser(service, sam.id))
    client = service.test_client()
    sign_in(client)
    form = fill(client, "/account", "/sessions/end-others")
    assert form.status_code == 302
    client.post("/logout", data=csrf_of(client))
    assert not is_in(client)
    with service.app_context():
        assert not db.session.scalars(select(LoginSession)).all()


def test_with_passwords_off_only_the_break_glass_account_has_one(
    serve: MakeService, factory: Factory, sam: User
) -> None:
    service = serve(passwords=False, break_glass="root@example.com")
    factory.user_with_password(PASSWORD, email="root@example.com")

    def log_in(email: str) -> int:
        form = {"email": email, "password": PASSWORD}
        return fill(service.test_client(), "/login", "", **form).status_code

    assert [log_in(sam.email), log_in("root@example.com")] == [422, 302]
    page = text_of(service.test_client().get("/password/forgotten"))
    assert "People log in here with GitLab" in page
    assert "for the operator's account only" in service.test_client().get("/login").text


def test_with_passwords_off_an_invitation_takes_none(
    serve: MakeService, principal: Principal
) -> None:
    service = serve(passwords=False, break_glass="root@example.com")
    path = path_of(make_invitation(service, principal, "new@example.com"))
    client = service.test_client()
    page = client.get(path)
    assert "Create the account" not in page.text
    token = client.get("/login").text.split('name="csrf_token" value="')[1].split('"')[0]
    form = {"name": "N", "password": PASSWORD, "again": PASSWORD, "csrf_token": token}
    assert client.post(f"{path}/register", data=form).status_code == 403


def test_without_an_issuer_there_is_nothing_to_sign_in_with(app: Flask) -> None:
    client = app.test_client()
    assert "Sign in with" not in client.get("/login").text
    assert client.get("/sign-in").status_code == 404
    assert client.get("/sign-in/callback?code=x&state=y").status_code == 404


@pytest.mark.parametrize("username", ["", "nobody"])
def test_declining_leads_back_to_the_login(service: Flask, username: str) -> None:
    client = service.test_client()
    answer = client.get(choose(begin(client), username))
    assert "You have not signed in with GitLab." in said(client, answer)
