"""Guessing passwords and luring people away: the login page withstands both."""

import re
import time

import pytest
from flask import Flask

from gitlab_links import security
from gitlab_links.accounts import sessions
from gitlab_links.accounts.models import User
from gitlab_links.errors import RateLimited
from gitlab_links.extensions import db
from gitlab_links.local.services import free_port
from tests.conftest import MakeApp
from tests.security.conftest import PASSWORD, World
from tests.security.logins import log_in


@pytest.mark.parametrize("redis_is", ["there", "away"])
@pytest.mark.usefixtures("clock")  # the window must not end meanwhile
def test_logins_are_throttled_by_account_wherever_they_come_from(
    world: World, make_app: MakeApp, person: User, redis_is: str
) -> None:
    away = {"redis_url": f"redis://127.0.0.1:{free_port()}/0"} if redis_is == "away" else {}
    app = make_app(trusted_proxies=1, **away)
    for name in ("ana@example.com", "nobody@example.com"):
        statuses = [
            log_in(
                app.test_client(), "wrong", name, **{"X-Forwarded-For": f"203.0.113.{number}"}
            ).status_code
            for number in range(12)
        ]
        assert statuses == [422] * 10 + [429] * 2, name
    late = log_in(app.test_client(), **{"X-Forwarded-For": "198.51.100.1"})
    assert late.status_code == 429
    assert 0 < int(late.headers["Retry-After"]) <= 900
    same = [
        log_in(app.test_client(), "x", spelled).status_code
        for spelled in ("ANA@example.com", " ana@example.com ")
    ]
    assert same == [429, 429]


@pytest.mark.usefixtures("clock")  # the window must not end meanwhile
def test_logins_are_throttled_by_address_whatever_the_account(
    app: Flask, person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "TRIES_PER_ADDRESS", 15)
    for number in range(15):
        with app.app_context(), pytest.raises(sessions.LoginFailed):
            sessions.log_in(f"{'x' * 300}{number}@example.com", "", "203.0.113.7")
    with app.app_context():
        with pytest.raises(RateLimited):
            sessions.log_in("ana@example.com", PASSWORD, "203.0.113.7")
        assert sessions.log_in("ana@example.com", PASSWORD, "203.0.113.8")


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("addresses", "one"),
    [
        (["2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:DB8:1:2::1%eth0"], True),
        (["203.0.113.7", "::ffff:203.0.113.7", "::ffff:cb00:7107"], True),
        (["2001:db8:1:2::1", "2001:db8:1:3::1"], False),
        (["203.0.113.7", "203.0.113.8"], False),
        (["::ffff:203.0.113.7", "::ffff:203.0.113.8"], False),
        (["", "no address"], False),
    ],
)
def test_who_has_a_network_of_addresses_is_one(
    app: Flask, person: User, monkeypatch: pytest.MonkeyPatch, addresses: list[str], one: bool
) -> None:
    monkeypatch.setattr(sessions, "TRIES_PER_ADDRESS", len(addresses) - 1)
    with app.app_context():
        refusals = []
        for number, address in enumerate(addresses):
            with pytest.raises((sessions.LoginFailed, RateLimited)) as refusal:
                sessions.log_in(f"x{number}@example.com", "", address)
            refusals.append(refusal.type)
    last = RateLimited if one else sessions.LoginFailed
    assert refusals == [*[sessions.LoginFailed] * (len(addresses) - 1), last]


@pytest.mark.usefixtures("clock")  # the window must not end meanwhile
def test_a_forged_address_does_not_get_round_the_throttle(app: Flask, person: User) -> None:
    statuses = [
        log_in(app.test_client(), "wrong", **{"X-Forwarded-For": f"203.0.113.{number}"}).status_code
        for number in range(11)
    ]
    assert statuses[-1] == 429


@pytest.mark.slow
def test_an_unknown_account_takes_as_long_as_a_wrong_password(
    standing: World, costly_hashes: None
) -> None:
    """By processor time."""
    standing.factory.user_with_password(PASSWORD, email="real@example.com")
    took: dict[str, list[float]] = {"real@example.com": [], "nobody@example.com": [], "a\0": []}
    with standing.app.app_context():
        for round_ in range(5):
            for email, samples in took.items():
                started = time.process_time()
                with pytest.raises(sessions.LoginFailed):
                    sessions.log_in(email, "wrong password", f"203.0.113.{round_}")
                samples.append(time.process_time() - started)
        db.session.rollback()
    fastest = {email: min(samples) for email, samples in took.items()}
    assert max(fastest.values()) < 1.4 * min(fastest.values()), fastest


NOWHERE_ELSE = ["//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example",
    "https://evil.example", "https:evil.example", "https:/evil.example", "javascript:alert(1)",
    "/\tevil", "/\n/evil.example", "\t//evil.example", " //evil.example", "/%0d%0aLocation:x\r\n",
    "evil.example", "./evil", "@evil.example", "data:text/html,x", "//localhost@evil.example",
    "http://localhost", "/\x00", "\u2215/evil.example", "", "//%65vil.example",
    "/\u2028/x"]  # fmt: skip


@pytest.mark.parametrize("target", NOWHERE_ELSE, ids=[f"{target!a}" for target in NOWHERE_ELSE])
def test_after_the_login_nobody_is_sent_elsewhere(
    app: Flask, person: User, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gitlab_links.accounts.sessions.password_matches", lambda *_: True)
    client = app.test_client()
    page = client.get("/login", query_string={"next": target}).get_data(as_text=True)
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    form = {
        "email": "ana@example.com",
        "password": "x",
        "csrf_token": found.group(1),
        "next": target,
    }
    answer = client.post("/login", data=form)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


def test_a_forwarded_prefix_moves_nobody(make_app: MakeApp) -> None:
    """Behind a proxy that serves at the root the header is whatever a stranger sent."""
    app = make_app(trusted_proxies=1)
    answer = app.test_client().get("/", headers={"X-Forwarded-Prefix": "//evil.example"})
    assert answer.location.startswith("/login")


def test_a_password_is_kept_as_an_argon2id_hash_of_its_own(app: Flask, person: User) -> None:
    with app.app_context():
        first, second = security.hash_password(PASSWORD), security.hash_password(PASSWORD)
        kept = db.session.get_one(User, person.id).password_hash
    assert first != second
    assert {found.split("$")[1] for found in (first, second, kept or "")} == {"argon2id"}
    assert PASSWORD not in (kept or "")
