"""Browser sessions over https: cookies, headers, and what ends them."""

import re
from http.cookies import SimpleCookie

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from gitlab_links.accounts.members import change_role, members_page, remove_member
from gitlab_links.accounts.models import LoginSession, User
from gitlab_links.accounts.roles import Role
from gitlab_links.accounts.sessions import change_password
from gitlab_links.extensions import db
from tests.api.callers import browser
from tests.conftest import MakeApp
from tests.security.conftest import PASSWORD, World
from tests.security.logins import log_in

HTTPS = "https://links.example.com"
TASK = {"title": "One"}


def cookies(answer: TestResponse) -> SimpleCookie:
    found = SimpleCookie()
    for value in answer.headers.getlist("Set-Cookie"):
        found.load(value)
    return found


def test_over_https_the_cookie_is_secure_bound_to_the_host_and_hidden_from_scripts(
    make_app: MakeApp, person: User
) -> None:
    client = make_app(public_base_url=HTTPS).test_client()
    answer = log_in(client, base_url=HTTPS)
    assert answer.status_code == 302

    ((name, cookie),) = cookies(answer).items()
    assert name == "__Host-session"
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Lax")
    assert (cookie["path"], cookie["domain"]) == ("/", "")
    assert cookie.value not in answer.get_data(as_text=True)
    assert client.get("/api/me", base_url=HTTPS).status_code == 200


def test_every_kind_of_answer_carries_every_header(make_app: MakeApp, world: World) -> None:
    app = make_app(public_base_url=HTTPS)
    admin = browser(app, world.user.id)
    admin.client.set_cookie("__Host-session", "nonsense", domain="links.example.com")
    answers = {
        path: app.test_client().open(path, method=method, base_url=HTTPS)
        for method, path in (
            ("GET", "/login"), ("GET", "/"), ("GET", "/nowhere"), ("GET", "/api/nowhere"),
            ("GET", "/api/me"), ("POST", "/login"), ("GET", "/healthz"), ("GET", "/api/docs"),
            ("GET", "/api/openapi.json"), ("GET", "/static/x/app.css"), ("PUT", "/api/me"),
            ("GET", "/bootstrap/static/css/bootstrap.min.css"), ("POST", world.webhook),
            ("OPTIONS", "/api/me"), ("HEAD", "/login"), ("GET", "//evil.example/"),
        )
    }  # fmt: skip
    for path, answer in answers.items():
        headers = answer.headers
        policy = {
            part.partition(" ")[0]: part for part in headers["Content-Security-Policy"].split("; ")
        }
        assert policy["default-src"] == "default-src 'none'", path
        assert policy["object-src"] == "object-src 'none'", path
        assert policy["base-uri"] == "base-uri 'none'", path
        assert policy["frame-ancestors"] == "frame-ancestors 'none'", path
        assert "unsafe" not in headers["Content-Security-Policy"], path
        assert headers["Strict-Transport-Security"] == "max-age=31536000", path
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["Referrer-Policy"] == "same-origin", path
        assert not [name for name, _ in headers if name.startswith("Access-Control-")], path
        assert "Server" not in headers or "Werkzeug" not in headers["Server"], path


def test_no_origin_is_ever_allowed_by_cors(standing: World) -> None:
    for origin in ("https://evil.example", "null", "http://localhost"):
        for method in ("GET", "OPTIONS"):
            headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            answer = standing.send(method, "tasks", headers=headers)
            assert not [
                name for name, _ in answer.headers if name.startswith("Access-Control-Allow")
            ]


def test_a_login_makes_a_new_session_each_time(app: Flask, person: User) -> None:
    client = app.test_client()
    client.set_cookie("session", "planted")
    seen = set()
    for _ in range(3):
        answer = log_in(client)
        seen.add(cookies(answer)["session"].value)
        client.delete_cookie("session")
    assert len(seen) == 3 and "planted" not in seen


def copy_of(app: Flask, client: FlaskClient) -> FlaskClient:
    """Another browser with the same cookie."""
    cookie = client.get_cookie("session")
    assert cookie is not None
    thief = app.test_client()
    thief.set_cookie("session", cookie.value)
    return thief


def test_logging_out_ends_the_session_and_every_copy_of_its_cookie(
    app: Flask, person: User
) -> None:
    client = app.test_client()
    log_in(client)
    thief = copy_of(app, client)
    assert thief.get("/api/me").status_code == 200

    page = client.get("/", follow_redirects=True).get_data(as_text=True)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token is not None
    assert client.post("/logout", data={"csrf_token": token.group(1)}).status_code == 302
    assert client.get("/api/me").status_code == 401
    assert thief.get("/api/me").status_code == 401
    assert thief.get("/").location.startswith("/login")


def test_a_new_password_ends_every_session_at_once(app: Flask, person: User) -> None:
    browsers = [app.test_client() for _ in range(3)]
    for client in browsers:
        log_in(client)
    with app.app_context():
        change_password(person.id, PASSWORD, "another " + PASSWORD)
        db.session.commit()
        assert db.session.scalar(select(func.count()).select_from(LoginSession)) == 0
    assert [client.get("/api/me").status_code for client in browsers] == [401] * 3
    assert log_in(app.test_client()).status_code == 422
    assert log_in(app.test_client(), "another " + PASSWORD).status_code == 302


def test_a_role_counts_from_the_next_request_on(app: Flask, world: World, person: User) -> None:
    admin = browser(app, person.id)
    key = world.factory.api_key(world.org, user=person)
    principal = world.factory.principal(world.org, Role.ADMIN)
    with app.app_context():
        member = next(one for one in members_page(world.org.id) if one.user_id == person.id)
    steps = [(Role.ADMIN, 200), (Role.PM, 200), (Role.MEMBER, 403), (Role.CLIENT, 403)]
    for role, status in steps:
        with app.app_context():
            change_role(principal, member.id, role)
            db.session.commit()
        assert admin.get(f"{world.api}/deliveries").status_code == status, role
        assert world.send("GET", "deliveries", key=key).status_code == status, role
    with app.app_context():
        remove_member(principal, member.id)
        db.session.commit()
    assert admin.get(f"{world.api}/tasks").status_code == 404
    assert world.send("GET", "tasks", key=key).status_code == 401


def test_a_deleted_person_is_logged_out(app: Flask, world: World, person: User) -> None:
    admin, key = browser(app, person.id), world.factory.api_key(world.org, user=person)
    with app.app_context():
        db.session.delete(db.session.get_one(User, person.id))
        db.session.commit()
    assert admin.get("/api/me").status_code == 401
    assert world.send("GET", "tasks", key=key).status_code == 401


@pytest.mark.parametrize("csrf", ["none", "garbage", "another session's", "in the query"])
def test_a_write_without_the_sessions_own_token_does_nothing(
    app: Flask, world: World, person: User, csrf: str
) -> None:
    victim, attacker = browser(app, person.id), app.test_client()
    page = attacker.get("/login").get_data(as_text=True)
    theirs = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert theirs is not None
    own = victim.headers.pop("X-CSRFToken")
    headers = {"none": {}, "garbage": {"X-CSRFToken": "x"}, "in the query": {},
               "another session's": {"X-CSRFToken": theirs.group(1)}}[csrf]  # fmt: skip
    query = f"?csrf_token={own}" if csrf == "in the query" else ""

    answer = victim.post(f"{world.api}/tasks{query}", json=TASK, headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "csrf_failed")
    assert victim.get(f"{world.api}/tasks").get_json()["tasks"] == []
    assert (
        victim.post(f"{world.api}/tasks", json=TASK, headers={"X-CSRFToken": own}).status_code
        == 201
    )


def test_no_route_that_writes_can_be_reached_by_a_read(app: Flask) -> None:
    writers = {"POST", "PUT", "PATCH", "DELETE"}
    for rule in app.url_map.iter_rules():
        both = (rule.methods or set()) & writers and "GET" in (rule.methods or set())
        if both:
            # A form and what it sends share an address; the queues check for themselves.
            assert rule.endpoint in {
                "pages.log_in", "pages.new_task", "pages.edit_task", "pages.queues",
                "pages.account_password", "pages.delete_account", "pages.new_org",
            }, rule  # fmt: skip


def test_over_https_a_post_from_elsewhere_is_refused_by_its_referrer(
    make_app: MakeApp, person: User
) -> None:
    client = make_app(public_base_url=HTTPS).test_client()
    answer = log_in(client, base_url=HTTPS, Referer="https://evil.example/")
    assert answer.status_code == 403
