"""Logging in and out."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from gitlab_links import __version__
from gitlab_links.accounts.models import LoginSession, Org
from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db
from gitlab_links.pages.accounts.login import local_path
from tests.api.callers import browser, nobody
from tests.factories import Factory
from tests.pages.markup import Markup, text_of

PASSWORD = "correct horse battery"
EMAIL = "ana@example.com"
FAILURE = "E-mail address or password is wrong."


@pytest.fixture
def ana(factory: Factory, org: Org) -> None:
    user = factory.user_with_password(PASSWORD, email=EMAIL, name="Ana Kovač")
    factory.membership(org, Role.ADMIN, user)


def log_in(client: FlaskClient, **values: str) -> TestResponse:
    page = client.get("/login").get_data(as_text=True)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token is not None
    form = {"email": EMAIL, "password": PASSWORD, "csrf_token": token.group(1), **values}
    return client.post("/login", data=form)


def test_the_foot_of_a_page_names_the_version(client: FlaskClient) -> None:
    assert f"gitlab_links {__version__}" in client.get("/login").text


def test_the_right_password_opens_the_tasks(client: FlaskClient, ana: None, org: Org) -> None:
    assert log_in(client).headers["Location"] == "/"
    page = client.get("/", follow_redirects=True)
    assert page.request.path == f"/orgs/{org.id}/tasks"
    assert "Ana Kovač" in page.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "wrong"},
        {"password": ""},
        {"email": "bob@example.com"},
        {"email": ""},
        {"email": "x" * 5000},
        {"email": "a\0b@example.com"},
        {"password": "x" * 5000},
    ],
)
def test_every_failure_reads_the_same(
    client: FlaskClient, ana: None, wrong: dict[str, str]
) -> None:
    answer = log_in(client, **wrong)
    assert (answer.status_code, Markup.of(answer).one("div", role="alert").text.strip()) == (
        422,
        FAILURE,
    )


@pytest.mark.usefixtures("clock")  # the window must not end meanwhile
def test_too_many_failures_are_told_to_wait(client: FlaskClient, ana: None) -> None:
    statuses = [log_in(client, password="wrong").status_code for _ in range(11)]
    assert statuses == [422] * 10 + [429]
    answer = log_in(client)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "Too many failed logins" in text_of(answer)


def test_without_the_token_of_the_form_nobody_gets_in(client: FlaskClient, ana: None) -> None:
    answer = client.post("/login", data={"email": EMAIL, "password": PASSWORD})
    assert answer.status_code == 403
    assert "session has changed" in text_of(answer)


def test_the_page_asked_for_opens_after_the_login(
    client: FlaskClient, ana: None, base: str
) -> None:
    path = f"{base}/tasks?status=done&q=a"
    to_login = client.get(path)
    assert to_login.status_code == 302
    form = client.get(to_login.headers["Location"])
    wanted = Markup.of(form).one("input", name="next")["value"]
    assert log_in(client, next=wanted).headers["Location"] == path


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "/\\evil.example", "https://evil.example/", "javascript:alert(1)", "evil",
     "/%0d\nx", "/\t/evil.example", "///evil.example", "http:/evil", "\\\\evil", "/a\\b"],
)  # fmt: skip
def test_nobody_is_sent_elsewhere(client: FlaskClient, ana: None, target: str) -> None:
    assert log_in(client, next=target).headers["Location"] == "/"
    assert 'name="next"' not in client.get("/login", query_string={"next": target}).text


@given(st.text(max_size=40))
def test_a_local_path_never_names_another_host(target: str) -> None:
    path = local_path(target)
    assert path is None or re.match(r"/(?![/\\])", path)


def test_a_person_who_is_logged_in_needs_no_form(client: FlaskClient, ana: None) -> None:
    log_in(client)
    assert client.get("/login").headers["Location"] == "/"


def test_logging_out_ends_the_session_for_good(
    app: Flask, client: FlaskClient, ana: None, base: str
) -> None:
    log_in(client)
    kept = client.get_cookie("session")
    assert kept is not None
    token = Markup.of(client.get(f"{base}/tasks")).all("input", name="csrf_token")[0]["value"]
    assert client.post("/logout", data={"csrf_token": token}).headers["Location"] == "/login"
    assert "You are logged out." in text_of(client.get("/login"))
    with app.app_context():
        assert db.session.query(LoginSession).count() == 0
    thief = app.test_client()
    thief.set_cookie("session", kept.value)
    assert thief.get(f"{base}/tasks").status_code == 302


def test_another_site_cannot_log_anybody_out(
    app: Flask, factory: Factory, org: Org, base: str
) -> None:
    visitor = browser(app, factory.membership(org).user_id, csrf=False)
    assert visitor.post("/logout").status_code == 403
    assert visitor.get(f"{base}/tasks").status_code == 200


def test_the_org_last_looked_at_opens_first(app: Flask, factory: Factory) -> None:
    first, second = factory.org(), factory.org()
    user = factory.user()
    for org in (first, second):
        factory.membership(org, Role.MEMBER, user)
    visitor = browser(app, user.id)
    assert visitor.get("/").headers["Location"] == f"/orgs/{first.id}/tasks"
    visitor.get(f"/orgs/{second.id}/tasks")
    assert visitor.get("/").headers["Location"] == f"/orgs/{second.id}/tasks"
    visitor.get(f"/orgs/{first.id}/settings")
    links = {link.get("href") for link in Markup.of(visitor.get("/account")).all("a")}
    assert f"/orgs/{first.id}/waiting" in links  # the head of that org, on a page of none
    assert visitor.get("/").headers["Location"] == f"/orgs/{first.id}/tasks"


def test_a_person_without_an_org_sees_what_to_do(app: Flask, factory: Factory) -> None:
    assert "Ask an admin" in text_of(browser(app, factory.user().id).get("/"))


def test_strangers_are_sent_to_the_login(app: Flask) -> None:
    answer = nobody(app).get("/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login")
