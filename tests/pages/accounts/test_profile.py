"""One's own account: name and sessions."""

from typing import Any

import pytest
from flask import Flask

from gitlab_links.accounts.models import LoginSession, Org, User
from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db
from gitlab_links.pages.accounts.devices import device_words
from tests.api.callers import browser, nobody, program
from tests.factories import Factory
from tests.pages.accounts.test_login import EMAIL, PASSWORD, log_in
from tests.pages.markup import Markup, text_of

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def ana(factory: Factory, org: Org) -> User:
    user = factory.user_with_password(PASSWORD, email=EMAIL, name="Ana Kovač")
    factory.membership(org, Role.MEMBER, user)
    return user


def sessions(app: Flask) -> list[LoginSession]:
    with app.app_context():
        return list(db.session.query(LoginSession).order_by(LoginSession.id))


def test_a_session_says_where_it_is(app: Flask, ana: User) -> None:
    client = app.test_client()
    client.environ_base |= {"HTTP_USER_AGENT": FIREFOX, "REMOTE_ADDR": "203.0.113.7"}
    log_in(client)
    page = text_of(client.get("/account"))
    assert "Firefox on Linux This one 203.0.113.7" in page
    assert "End all other sessions" not in page


def test_the_last_use_is_saved_every_five_minutes(app: Flask, ana: User, clock: Any) -> None:
    person = browser(app, ana.id)
    (before,) = sessions(app)
    clock.advance(200)
    person.get("/account")
    assert sessions(app)[0].last_seen_at == before.last_seen_at
    clock.advance(200)
    person.get("/account")
    (after,) = sessions(app)
    assert after.last_seen_at is not None and before.last_seen_at is not None
    assert (after.last_seen_at - before.last_seen_at).total_seconds() == 400


def test_one_session_or_all_others_are_ended(app: Flask, ana: User) -> None:
    here, first, second, third = (browser(app, ana.id) for _ in range(4))
    ids = [session.id for session in sessions(app)]
    assert here.post(f"/account/sessions/{ids[1]}/end").status_code == 302
    alive = [one.get("/account").status_code for one in (here, first, second, third)]
    assert alive == [200, 302, 200, 200]
    page = text_of(here.get("/account"))
    assert page.index("End all other sessions") < page.index("Delete the account")
    here.post("/account/sessions/end-others")
    assert "2 other sessions ended." in text_of(here.get("/account"))
    alive = [one.get("/account").status_code for one in (here, first, second, third)]
    assert alive == [200, 302, 302, 302]


def test_nobody_ends_the_session_of_another(app: Flask, factory: Factory, ana: User) -> None:
    ours = browser(app, ana.id)
    (session,) = sessions(app)
    eve = browser(app, factory.user().id)
    assert eve.post(f"/account/sessions/{session.id}/end").status_code == 404
    eve.post("/account/sessions/end-others")
    assert ours.get("/account").status_code == 200


def test_ones_name_is_changed(app: Flask, ana: User, base: str) -> None:
    person = browser(app, ana.id)
    assert person.post("/account/name", data={"name": " Ana K. "}).status_code == 302
    assert "Ana K." in person.get(f"{base}/tasks").text
    refused = person.post("/account/name", data={"name": "\u200b"})
    assert refused.status_code == 422
    assert "Enter a name" in Markup.of(refused).one("div", id="name-error").text


def test_only_a_session_opens_the_account(
    app: Flask, factory: Factory, org: Org, ana: User
) -> None:
    key = program(app, factory.api_key(org, user=ana))
    for path in ("/account", "/account/address/x"):
        assert nobody(app).get(path).status_code == 302
        assert key.get(path).status_code == 401
    outside = browser(app, ana.id, csrf=False)
    for path in ("name", "address", "address/x", "sessions/end-others"):
        assert outside.post(f"/account/{path}", data={"name": "x"}).status_code == 403, path


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
         "Safari on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/142.0 Safari/537.36 Edg/142.0", "Edge on Windows"),
        ("curl/8.14", "Unknown browser"),
        ("", "Unknown browser"),
    ],
)  # fmt: skip
def test_a_browser_in_words(user_agent: str, words: str) -> None:
    assert device_words(user_agent) == words
