"""Browser sessions end when they should, and a kept cookie is worth nothing then."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gitlab_links.accounts.models import LoginSession, User
from gitlab_links.accounts.sessions import SESSION_LIFETIME, change_password
from gitlab_links.extensions import db
from tests.factories import Factory
from tests.frozen_clock import FrozenClock

PASSWORD = "correct horse battery"


@pytest.fixture
def person(factory: Factory) -> User:
    return factory.user_with_password(PASSWORD)


@pytest.fixture
def enter(small: Flask, person: User) -> Callable[[], FlaskClient]:
    """Log in through a route that stands for the login page."""

    def log_in() -> FlaskClient:
        client = small.test_client()
        answer = client.get(f"/t-enter/{person.id}")
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie
        assert client.get("/api/t/me").status_code == 200
        return client

    return log_in


def replayed(app: Flask, client: FlaskClient) -> FlaskClient:
    """Another browser with a copy of the cookie."""
    cookie = client.get_cookie("session")
    assert cookie is not None
    thief = app.test_client()
    thief.set_cookie("session", cookie.value)
    return thief


def test_logging_out_ends_this_session_and_no_other(
    small: Flask, enter: Callable[[], FlaskClient]
) -> None:
    here, there = enter(), enter()
    thief = replayed(small, here)
    assert thief.get("/api/t/me").status_code == 200
    here.get("/t-leave")
    assert [one.get("/api/t/me").status_code for one in (here, thief, there)] == [401, 401, 200]


def test_a_new_password_ends_every_session(
    small: Flask, enter: Callable[[], FlaskClient], person: User
) -> None:
    clients = [enter(), enter()]
    with small.app_context():
        change_password(person.id, PASSWORD, "another good password")
        db.session.commit()
    assert [one.get("/api/t/me").status_code for one in clients] == [401, 401]


def test_a_session_ends_by_itself(enter: Callable[[], FlaskClient], clock: FrozenClock) -> None:
    client = enter()
    clock.advance((SESSION_LIFETIME - timedelta(minutes=1)).total_seconds())
    assert client.get("/api/t/me").status_code == 200
    clock.advance(120)
    assert client.get("/api/t/me").status_code == 401


def test_the_database_knows_no_token(small: Flask, enter: Callable[[], FlaskClient]) -> None:
    client = enter()
    with client.session_transaction() as session:
        token = session["_user_id"]
    with small.app_context():
        (row,) = db.session.query(LoginSession).all()
        assert token not in {row.token_hash, str(row.id)}


def test_a_session_is_never_taken_over_from_before_the_login(
    small: Flask, enter: Callable[[], FlaskClient], person: User
) -> None:
    client = small.test_client()
    with client.session_transaction() as session:
        session["planted"] = "by another site"
        session["csrf_token"] = "known to the attacker"
    enter()
    client.get(f"/t-enter/{person.id}")
    with client.session_transaction() as session:
        assert "planted" not in session
        assert "csrf_token" not in session
