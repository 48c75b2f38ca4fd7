"""Changing one's password."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gitlab_links.accounts.models import Org, User
from gitlab_links.accounts.roles import Role
from tests.api.callers import nobody
from tests.factories import Factory
from tests.pages.accounts.test_login import log_in
from tests.pages.markup import text_of

EMAIL = "ana@example.com"
OLD, NEW = "correct horse battery", "a staple of new words"


@pytest.fixture
def ana(factory: Factory, org: Org) -> User:
    user = factory.user_with_password(OLD, email=EMAIL, name="Ana Kovač")
    factory.membership(org, Role.MEMBER, user)
    return user


def change(client: FlaskClient, **values: str) -> TestResponse:
    page = client.get("/account/password").get_data(as_text=True)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token is not None
    form = {"current": OLD, "password": NEW, "again": NEW, "csrf_token": token.group(1)}
    return client.post("/account/password", data={**form, **values})


def test_a_changed_password_ends_every_session_but_this_one(app: Flask, ana: User) -> None:
    here, elsewhere = app.test_client(), app.test_client()
    log_in(here)
    log_in(elsewhere)
    answer = change(here)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert "Password changed" in text_of(here.get("/", follow_redirects=True))
    assert "/login" in elsewhere.get("/").headers["Location"]
    assert log_in(app.test_client()).status_code == 422
    assert log_in(app.test_client(), password=NEW).status_code == 302


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"current": "a guess at it"}, "This is not your password."),
        ({"current": ""}, "Enter your current password."),
        ({"password": "short", "again": "short"}, "Use 12 to 200 characters."),
        ({"again": "something else"}, "The two passwords differ."),
        ({"again": ""}, "Enter the new password again."),
    ],
)
def test_a_refusal_says_why_and_changes_nothing(
    app: Flask, ana: User, wrong: dict[str, str], message: str
) -> None:
    client = app.test_client()
    log_in(client)
    answer = change(client, **wrong)
    assert (answer.status_code, message in text_of(answer)) == (422, True)
    assert log_in(app.test_client()).status_code == 302


def test_every_field_is_asked_for(client: FlaskClient, ana: User) -> None:
    log_in(client)
    page = text_of(client.get("/account/password"))
    assert "New password, again" in page
    assert "(optional)" not in page


@pytest.mark.usefixtures("clock")  # the window must not end meanwhile
def test_guessing_at_the_present_password_is_throttled(client: FlaskClient, ana: User) -> None:
    log_in(client)
    answers = [change(client, current=f"guess {number}") for number in range(11)]
    assert [answer.status_code for answer in answers] == [422] * 10 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_nobody_is_sent_to_the_login(app: Flask) -> None:
    assert "/login" in nobody(app).get("/account/password").headers["Location"]
