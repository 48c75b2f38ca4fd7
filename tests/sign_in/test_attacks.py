"""What an attacker may try on the way to the issuer and back."""

import hmac
import json
from base64 import urlsafe_b64encode
from email.message import EmailMessage
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from flask import Flask
from joserfc import jwt
from joserfc.jwk import RSAKey
from sqlalchemy import select

from gitlab_links.accounts.models import User
from gitlab_links.accounts.principal import Principal
from gitlab_links.config.allowed_hosts import AllowedHosts
from gitlab_links.config.issuers import Issuer
from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.extensions import db
from gitlab_links.mail import MailServer
from gitlab_links.sign_in.models import Identity
from tests.api.callers import browser
from tests.conftest import MakeApp
from tests.factories import Factory
from tests.frozen_clock import FrozenClock
from tests.hanging import HANGS
from tests.invitations.conftest import fill, link_in, path_of, register, send_mails
from tests.sign_in.conftest import (
    CALLBACK,
    CLIENT,
    PASSWORD,
    SECRET,
    MakeService,
    begin,
    choose,
    is_in,
    issuer_at,
    link,
    query_of,
    said,
    sign_in,
)
from tests.sign_in.test_signing_in import confirm, make_invitation

BEGUN_ELSEWHERE = "begun elsewhere, or too long ago"
NOT_VALID = "not valid for this sign-in"


@pytest.fixture
def linked(service: Flask, sam: User) -> Flask:
    """The service, on which Sam has linked his account."""
    link(browser(service, sam.id))
    return service


def identities(app: Flask) -> dict[str, Any]:
    with app.app_context():
        return {one.name: one.user_id for one in db.session.scalars(select(Identity))}


def test_an_answer_that_the_browser_did_not_ask_for_is_refused(linked: Flask) -> None:
    """Swapped state: the attacker's code, in the victim's browser."""
    attacker, victim = linked.test_client(), linked.test_client()
    answer = choose(begin(attacker))
    assert BEGUN_ELSEWHERE in said(victim, victim.get(answer))
    begin(victim)
    assert BEGUN_ELSEWHERE in said(victim, victim.get(answer))
    assert not is_in(victim)


def test_another_state_is_refused(linked: Flask) -> None:
    client = linked.test_client()
    for state in ("", "x", "é"):
        query = query_of(choose(begin(client)))
        answer = client.get("/sign-in/callback?" + urlencode({**query, "state": state}))
        assert BEGUN_ELSEWHERE in said(client, answer), state
        assert not is_in(client), state


def test_an_answer_counts_once(linked: Flask) -> None:
    client = linked.test_client()
    path = choose(begin(client))
    client.get(path)
    assert is_in(client)
    again = client.get(path)
    assert BEGUN_ELSEWHERE in said(client, again)


def test_a_code_counts_once(linked: Flask, gitlab: SimulatedGitLab) -> None:
    """Replay: the code was stolen and used before."""
    client = linked.test_client()
    path = choose(begin(client))
    gitlab.state.sign_ins.take(query_of(path)["code"])
    assert "does not accept the sign-in" in said(client, client.get(path))
    assert not is_in(client)


def test_the_code_of_another_browser_is_refused_by_pkce(linked: Flask) -> None:
    thief, victim = linked.test_client(), linked.test_client()
    stolen = query_of(choose(begin(victim)))["code"]
    state = query_of(begin(thief))["state"]
    answer = thief.get("/sign-in/callback?" + urlencode({"code": stolen, "state": state}))
    assert "does not accept the sign-in" in said(thief, answer)
    assert not is_in(thief)


def test_a_sign_in_lasts_ten_minutes(linked: Flask, clock: Any) -> None:
    client = linked.test_client()
    path = choose(begin(client))
    clock.advance(601)
    assert BEGUN_ELSEWHERE in said(client, client.get(path))


LIES: list[dict[str, Any]] = [
    {"nonce": "another one"},
    {"nonce": None},
    {"aud": "another client"},
    {"aud": [CLIENT, "another client"]},
    {"azp": "another client"},
    {"iss": "https://evil.example"},
    {"exp": 1},
    {"iat": None},
    {"sub": None},
    {"sub": 7},
    {"sub": ""},
]


def test_an_id_token_for_something_else_is_refused(linked: Flask, gitlab: SimulatedGitLab) -> None:
    for lie in LIES:
        gitlab.state.sign_ins.said = lie
        client = linked.test_client()
        page = said(client, sign_in(client))
        assert NOT_VALID in page or "does not say who you are" in page, lie
        assert not is_in(client), lie
    gitlab.state.sign_ins.said = {}
    sign_in(client)
    assert is_in(client)  # it was the lies


def test_a_forged_signature_is_refused(
    linked: Flask, gitlab: SimulatedGitLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = ""
    sign_ins = gitlab.state.sign_ins
    genuine = sign_ins.key

    def forge(_header: Any, claims: Any, _key: Any) -> str:
        header = {"alg": "RS256", "kid": genuine.kid}
        if kind == "another key":
            return jwt.encode(header, claims, RSAKey.generate_key(2048))
        if kind == "none":
            signed = jwt.encode(header, claims, genuine)
            head = "eyJhbGciOiJub25lIn0"  # {"alg":"none"}
            return f"{head}.{signed.split('.')[1]}."
        # The public key as the secret of an HMAC: everybody has it.
        header = {"alg": "HS256", "kid": genuine.kid}
        parts = [urlsafe_b64encode(json.dumps(part).encode()) for part in (header, claims)]
        text = b".".join(part.rstrip(b"=") for part in parts)
        mac = hmac.new(genuine.as_pem(private=False), text, sha256).digest()
        return f"{text.decode()}.{urlsafe_b64encode(mac).rstrip(b'=').decode()}"

    class Forging:
        encode = staticmethod(forge)

    monkeypatch.setattr("gitlab_links.demo.gitlab.sign_ins.jwt", Forging)
    client = linked.test_client()
    for kind in ("another key", "none", "shared secret"):  # forge reads it
        assert NOT_VALID in said(client, sign_in(client)), kind
        assert not is_in(client), kind


def test_new_keys_of_the_issuer_are_fetched(
    linked: Flask, gitlab: SimulatedGitLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = linked.test_client()
    sign_in(client)
    assert is_in(client)
    gitlab.state.sign_ins.change_keys()
    # The keys are not asked for again at once, whatever comes.
    client = linked.test_client()
    assert NOT_VALID in said(client, sign_in(client))
    monkeypatch.setattr("gitlab_links.sign_in.provider.KEYS_AGAIN_SECONDS", 0)
    sign_in(client)
    assert is_in(client)


def test_issuers_are_not_mixed_up(
    make_app: MakeApp, linked: Flask, gitlab: SimulatedGitLab, sam: User
) -> None:
    """Begun at one issuer, answered for another; and ``iss`` of RFC 9207."""
    with SimulatedGitLab.start() as other:
        other.state.sign_ins.register(CLIENT, SECRET, CALLBACK)
        allowed = AllowedHosts.parse(
            tuple(one.url.removeprefix("http://") for one in (gitlab, other))
        )
        elsewhere = make_app(issuer=issuer_at(other.url), gitlab_allowed_hosts=allowed)
        client = linked.test_client()
        path = choose(begin(client))
        moved = elsewhere.test_client()
        cookie = client.get_cookie("session")
        assert cookie is not None
        moved.set_cookie("session", cookie.value)
        assert BEGUN_ELSEWHERE in said(moved, moved.get(path))
        client = linked.test_client()
        path = choose(begin(client))
        answer = client.get(path + "&" + urlencode({"iss": other.url}))
        assert "comes from another issuer" in said(client, answer)
        assert not is_in(client)


def test_the_same_subject_at_another_issuer_is_somebody_else(
    make_app: MakeApp, linked: Flask, gitlab: SimulatedGitLab
) -> None:
    with SimulatedGitLab.start() as other:
        other.state.sign_ins.register(CLIENT, SECRET, CALLBACK)
        mallory = other.state.people.add_user("mallory")
        mallory.id = gitlab.state.people.user("sam").id
        allowed = AllowedHosts.parse((other.url.removeprefix("http://"),))
        service = make_app(issuer=issuer_at(other.url), gitlab_allowed_hosts=allowed)
        client = service.test_client()
        assert "No account here is linked" in said(client, sign_in(client, "mallory"))
        assert not is_in(client)


def test_an_identity_opens_one_account(linked: Flask, factory: Factory, sam: User) -> None:
    eve = browser(linked, factory.user().id)
    answer = link(eve, "sam", current="")
    assert "linked to another account" in said(eve.client, answer)
    assert identities(linked) == {"sam": sam.id}


def test_another_site_links_nothing(service: Flask, sam: User) -> None:
    """CSRF: the attacker's GitLab account would open the victim's account."""
    victim = browser(service, sam.id, csrf=False)
    assert victim.post("/account/identities", data={"current": PASSWORD}).status_code == 403
    attacker = service.test_client()
    begun = choose(begin(attacker), "eve")
    assert BEGUN_ELSEWHERE in said(victim.client, victim.get(begun))
    assert identities(service) == {}


def test_a_begun_login_does_not_link(service: Flask, sam: User) -> None:
    """The victim is logged in, and is led through a sign-in as the attacker."""
    victim = browser(service, sam.id)
    answer = sign_in(victim.client, "eve")
    assert answer.headers["Location"] == "/login"
    assert identities(service) == {}


def test_linking_needs_the_password(service: Flask, sam: User) -> None:
    thief = browser(service, sam.id)
    answer = thief.post("/account/identities", data={"current": "a guess"})
    assert answer.headers["Location"] == "/account"
    assert "This is not your password" in thief.get("/account").text


def test_linking_is_for_the_session_that_began_it(
    service: Flask, factory: Factory, sam: User
) -> None:
    caller = browser(service, sam.id)
    page = caller.post("/account/identities", data={"current": PASSWORD}).text
    target = page.split("url=")[1].split('"')[0].replace("&amp;", "&")
    path = choose(target, "sam")
    other = browser(service, factory.user().id)
    with caller.client.session_transaction() as theirs:
        kept = theirs["sign_in"]
    with other.client.session_transaction() as session:
        session["sign_in"] = kept
    assert "You have logged out meanwhile" in said(other.client, other.get(path))
    assert identities(service) == {}


def test_nobody_is_sent_elsewhere(linked: Flask) -> None:
    client = linked.test_client()
    for target in ("//evil.example", "https://evil.example/", "/\\evil.example", "javascript:x"):
        answer = sign_in(client, path="/sign-in?" + urlencode({"next": target}))
        assert answer.headers["Location"] == "/", target


def test_the_callback_says_nothing_of_what_it_was_sent(linked: Flask) -> None:
    client = linked.test_client()
    state = query_of(begin(client))["state"]
    query = {"error": "<b>x</b>", "error_description": "<script>", "state": state}
    page = said(client, client.get("/sign-in/callback?" + urlencode(query)))
    assert "refuses to sign anybody in" in page
    assert "<script>" not in page and "<b>x" not in page


@pytest.mark.usefixtures("clock")  # the window must not end meanwhile
def test_an_address_may_not_go_on_guessing(service: Flask) -> None:
    client = service.test_client()
    for _ in range(60):
        client.get("/sign-in/callback?code=x&state=y")
    answer = client.get("/sign-in/callback?code=x&state=y")
    assert "Too many requests" in said(client, answer)


def test_an_issuer_on_an_internal_address_is_not_called(
    make_app: MakeApp, gitlab: SimulatedGitLab
) -> None:
    service = make_app(issuer=issuer_at(gitlab.url), gitlab_allowed_hosts=AllowedHosts())
    client = service.test_client()
    answer = client.get("/sign-in")
    assert "does not answer as it should" in said(client, answer)
    assert gitlab.state.sign_ins.grants == {}


def test_an_issuer_that_is_away_leads_back_to_the_login(
    serve: MakeService, gitlab: SimulatedGitLab
) -> None:
    service = serve()
    gitlab.stop()
    client = service.test_client()
    assert "Try again in a few minutes" in said(client, client.get("/sign-in"))


def test_an_issuer_that_calls_itself_otherwise_is_refused(
    make_app: MakeApp, gitlab: SimulatedGitLab
) -> None:
    gitlab.state.urls.base_url = "https://evil.example"
    service = make_app(issuer=Issuer(gitlab.url, CLIENT, SECRET, "GitLab"))
    client = service.test_client()
    assert "another address than OIDC_ISSUER" in said(client, client.get("/sign-in"))


def test_a_wrong_client_secret_lets_nobody_in(serve: MakeService, sam: User) -> None:
    service = serve(client_secret="another one")
    client = service.test_client()
    assert "does not accept the sign-in" in said(client, sign_in(client))


def test_the_simulated_gitlab_is_as_strict_as_gitlab(service: Flask) -> None:
    address = begin(service.test_client())
    for wrong in ("client_id=x&", "redirect_uri=https%3A%2F%2Fevil.example&"):
        name = wrong.partition("=")[0]
        query = {**query_of(address), name: wrong.partition("=")[2]}
        answer = requests.get(f"{address.partition('?')[0]}?{urlencode(query)}", timeout=HANGS)
        assert answer.status_code == 400


def test_another_site_makes_nobody_join(service: Flask, principal: Principal) -> None:
    """An account with the attacker's address, opened by the victim's identity."""
    path = path_of(make_invitation(service, principal, "eve@evil.test"))
    start = f"/sign-in?invitation={path.rpartition('/')[2]}"
    victim = service.test_client()
    for site in ("cross-site", "same-site", "none"):
        answer = victim.get(start, headers={"Sec-Fetch-Site": site})
        assert answer.headers["Location"] == path, site
    answer = victim.get(start, headers={"Sec-Fetch-Site": "same-origin"})
    assert "/oauth/authorize" in answer.headers["Location"]


def test_a_new_password_ends_what_the_accounts_creator_has_linked(
    serve: MakeService,
    principal: Principal,
    mail_server: MailServer,
    mailbox: list[EmailMessage],
) -> None:
    """Eve invites Sam's address to an org of hers while the service sends no mail, creates the
    account herself, links her own, and waits until Sam takes the account over.
    """
    before = serve()
    path = path_of(make_invitation(before, principal, "sam@example.com"))
    eve = before.test_client()
    register(eve, path, password=PASSWORD, again=PASSWORD)
    with before.app_context():
        user = db.session.scalars(select(User).where(User.email == "sam@example.com")).one()
    link(browser(before, user.id), "eve")
    assert identities(before) == {"eve": user.id}

    mailing = serve(mail_server=mail_server)
    sam = mailing.test_client()
    fill(sam, "/password/forgotten", "", email="sam@example.com")
    send_mails(mailing)
    reset = next(link_in(one) for one in mailbox if "/password/" in link_in(one))
    words = "a staple of new words"
    assert fill(sam, reset, "", password=words, again=words).status_code == 302
    assert identities(mailing) == {}
    assert "No account here is linked" in said(eve, sign_in(eve, "eve"))


def test_a_new_password_keeps_what_the_owner_of_the_address_has_linked(
    serve: MakeService, sam: User, mail_server: MailServer, mailbox: list[EmailMessage]
) -> None:
    service = serve(mail_server=mail_server)
    confirm(service, sam)
    link(browser(service, sam.id))
    client = service.test_client()
    fill(client, "/password/forgotten", "", email=sam.email)
    send_mails(service)
    reset = next(link_in(one) for one in mailbox if "/password/" in link_in(one))
    words = "a staple of new words"
    assert fill(client, reset, "", password=words, again=words).status_code == 302
    assert identities(service) == {"sam": sam.id}


def test_a_stolen_session_takes_no_account_without_a_password_over(
    serve: MakeService, factory: Factory, mail_server: MailServer, clock: FrozenClock
) -> None:
    """Neither by another address, which gets links to set a password, nor by another identity."""
    service = serve(mail_server=mail_server)
    stolen = browser(service, factory.user().id)
    address = {"email": "thief@evil.test"}
    assert stolen.post("/account/address", data=address).status_code == 302
    clock.advance(11 * 60)
    refused = stolen.post("/account/address", data={"email": "other@evil.test"})
    assert refused.status_code == 422
    assert "sign in again" in refused.text
    answer = stolen.post("/account/identities", data={"current": ""})
    assert answer.headers["Location"] == "/account"
    assert "sign in again" in stolen.get("/account").text
