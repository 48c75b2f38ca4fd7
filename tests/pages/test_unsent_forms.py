"""What was typed survives an ended session, a login in another tab and a refused form."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from gitlab_links.accounts.models import Org, User
from gitlab_links.accounts.roles import Role
from gitlab_links.accounts.sessions import end_all_sessions
from gitlab_links.extensions import db
from gitlab_links.pages.unsent_forms import NEVER_KEPT
from tests.factories import Factory
from tests.pages.markup import Markup, text_of
from tests.pages.templates import TEMPLATES

PASSWORD = "correct horse battery"
TASK = {
    "title": "Ship the printer",
    "description": "With <b>paper</b>",
    "external_url": "",
    "assignee_id": "",
    "due_date": "",
}
TYPED = {
    "/tasks/new": (TASK, "Ship the printer"),
    "/api-keys": (
        {"name": "Nightly report", "scopes": ["read"], "expires": "30"},
        "Nightly report",
    ),
    "/members": ({"email": "nia@example.com", "name": "Nia", "role": "pm"}, "nia@example.com"),
    "/gitlab": ({"base_url": "https://git.example.org", "token": "glpat-x"}, "git.example.org"),
    "/gitlab/policy": ({"notify_url": "https://chat.example.org/x"}, "chat.example.org"),
    "/tasks/ACME-1/links": ({"url": "https://git.example.org/a/b/-/issues/7"}, "issues/7"),
    "/tasks/ACME-1/edit": (TASK, "Ship the printer"),
}


@pytest.fixture
def visitor(app: Flask, factory: Factory, org: Org) -> FlaskClient:
    user = factory.user_with_password(PASSWORD, email="ana@example.com")
    factory.membership(org, Role.ADMIN, user)
    factory.integration(org)
    factory.task(org, number=1)
    client = app.test_client()
    log_in(client, "/login")
    return client


def log_in(client: FlaskClient, address: str) -> TestResponse:
    form = Markup.of(client.get(address))
    fields = {one["name"]: one.get("value") or "" for one in form.all("input") if one.get("name")}
    return client.post("/login", data={**fields, "email": "ana@example.com", "password": PASSWORD})


def token_of(client: FlaskClient, page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(page).text)
    assert found is not None
    return found.group(1)


def page_of(path: str) -> str:
    return {"/gitlab/policy": "/gitlab", "/tasks/ACME-1/links": "/tasks/ACME-1"}.get(path, path)


def end_sessions(app: Flask) -> None:
    with app.app_context():
        user_id = db.session.scalar(select(User.id).where(User.email == "ana@example.com"))
        assert user_id is not None
        end_all_sessions(user_id)
        db.session.commit()


@pytest.mark.parametrize("path", TYPED)
def test_after_the_login_one_is_where_one_was_with_what_one_typed(
    app: Flask, visitor: FlaskClient, org: Org, base: str, path: str
) -> None:
    values, typed = TYPED[path]
    values = {**values, "csrf_token": token_of(visitor, base + page_of(path))}
    end_sessions(app)
    sent = visitor.post(base + path, data=values)
    assert sent.status_code == 302
    back = log_in(visitor, sent.headers["Location"])
    assert back.headers["Location"].startswith(f"{base}{page_of(path)}?")
    page = visitor.get(back.headers["Location"])
    assert page.status_code == 200
    assert typed in page.text
    assert "What you typed is below" in text_of(page)
    assert "glpat-x" not in page.text


def test_after_the_login_the_links_to_make_are_there_also_without_a_gitlab(
    app: Flask, visitor: FlaskClient, org: Org, base: str
) -> None:
    csrf = {"csrf_token": token_of(visitor, f"{base}/tasks/new")}
    end_sessions(app)
    sent = visitor.post(f"{base}/tasks/new", data={**TASK, **csrf, "links": "acme/app#7"})
    back = log_in(visitor, sent.headers["Location"])
    settings = Markup.of(visitor.get(f"{base}/gitlab")).one("input", name="settings_version")
    fields = {
        "settings_version": settings["value"],
        "csrf_token": token_of(visitor, f"{base}/tasks"),
    }
    assert visitor.post(f"{base}/gitlab/disconnect", data=fields).status_code == 302
    form = Markup.of(visitor.get(back.headers["Location"]))
    assert form.one("textarea", id="links").text.strip() == "acme/app#7"


def test_after_the_login_what_was_typed_for_a_task_that_is_gone_becomes_a_new_one(
    app: Flask, visitor: FlaskClient, org: Org, base: str
) -> None:
    path = f"{base}/tasks/ACME-1/edit"
    typed = {**TASK, "csrf_token": token_of(visitor, path)}
    end_sessions(app)
    sent = visitor.post(path, data=typed)
    back = log_in(visitor, sent.headers["Location"])
    csrf = {"csrf_token": token_of(visitor, f"{base}/tasks")}
    visitor.post(f"{base}/tasks/ACME-1/delete", data=csrf)
    page = visitor.get(back.headers["Location"])
    assert page.status_code == 404
    assert "Somebody deleted this task while you were editing it." in text_of(page)
    assert text_of(page).lower().count("what you typed") == 1
    form = Markup.of(page)
    assert form.one("input", id="title")["value"] == TASK["title"]
    assert form.one("textarea", id="description").text.strip() == TASK["description"]
    assert "Page not found" in text_of(visitor.get(path))


def test_after_the_login_what_was_to_be_linked_to_a_task_that_is_gone_is_there(
    app: Flask, visitor: FlaskClient, base: str
) -> None:
    path = f"{base}/tasks/ACME-1"
    csrf = {"csrf_token": token_of(visitor, path)}
    end_sessions(app)
    sent = {
        "links": visitor.post(f"{path}/links", data={**csrf, "url": "acme/app#7"}),
        "status": visitor.post(f"{path}/status", data={**csrf, "status": "done", "seen": "open"}),
    }
    back = log_in(visitor, sent["links"].headers["Location"])
    visitor.post(f"{path}/delete", data={"csrf_token": token_of(visitor, f"{base}/tasks")})
    page = visitor.get(back.headers["Location"])
    assert page.status_code == 404
    assert Markup.of(page).one("textarea", id="links").text.strip() == "acme/app#7"
    assert text_of(page).lower().count("what you typed") == 1
    back = visitor.get(sent["status"].headers["Location"])
    page = visitor.get(back.headers["Location"])
    assert "This task was deleted" in text_of(page)
    assert "What you typed" not in text_of(page)


def test_a_form_older_than_a_login_in_another_tab_is_not_lost(
    visitor: FlaskClient, base: str
) -> None:
    old = token_of(visitor, f"{base}/tasks/new")
    token = token_of(visitor, f"{base}/tasks")
    visitor.post("/logout", data={"csrf_token": token})
    log_in(visitor, "/login")
    refused = visitor.post(f"{base}/tasks/new", data={**TASK, "csrf_token": old})
    assert refused.status_code == 403
    link = next(one for one in Markup.of(refused).all("a") if one.text == "Back to the form")
    assert "Ship the printer" in visitor.get(str(link["href"])).text


def test_so_with_any_refusal(
    app: Flask, factory: Factory, visitor: FlaskClient, org: Org, base: str
) -> None:
    values = {**TASK, "csrf_token": token_of(visitor, f"{base}/tasks/new")}
    del values["external_url"]  # as of a form that came incomplete
    refused = visitor.post(f"{base}/tasks/new", data=values)
    assert refused.status_code == 422
    link = next(one for one in Markup.of(refused).all("a") if one.text == "Back to the form")
    assert "Ship the printer" in visitor.get(str(link["href"])).text


def test_it_is_nobodys_but_the_browsers_that_typed_it(visitor: FlaskClient, base: str) -> None:
    for ticket in ("", "x", "a" * 43):
        page = visitor.get(f"{base}/tasks/new?unsent={ticket}")
        assert page.status_code == 200
        assert "What you typed is below" not in text_of(page)


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_another_site_types_nothing_for_a_visitor(
    app: Flask, base: str, headers: dict[str, str]
) -> None:
    answer = app.test_client().post(f"{base}/tasks/new", data=TASK, headers=headers)
    assert answer.status_code == 302
    assert "unsent" not in answer.headers["Location"]


def test_of_one_address_only_so_much_is_kept(app: Flask, base: str) -> None:
    kept = 0
    for number in range(70):
        data = {**TASK, "title": f"Task {number}"}
        answer = app.test_client().post(f"{base}/tasks/new", data=data)
        kept += "unsent" in answer.headers["Location"]
    assert 0 < kept <= 60


def test_who_logged_in_in_another_tab_goes_where_they_wanted(
    visitor: FlaskClient, base: str
) -> None:
    wanted = f"{base}/members"
    answer = visitor.get("/login", query_string={"next": wanted})
    assert answer.headers["Location"] == wanted
    for elsewhere in ("//evil.example", "https://evil.example", "/\\evil.example"):
        answer = visitor.get("/login", query_string={"next": elsewhere})
        assert answer.headers["Location"] == "/"


def test_a_refused_policy_keeps_what_was_typed(visitor: FlaskClient, base: str) -> None:
    data = {"notify_url": "https://10.0.0.1/hook", "token_auto_rotate": "1"}
    form = Markup.of(visitor.get(f"{base}/gitlab"))
    for name in ("csrf_token", "policy_version"):
        data[name] = str(form.all("input", name=name)[0]["value"])
    page = visitor.post(f"{base}/gitlab/policy", data=data)
    assert page.status_code == 422
    markup = Markup.of(page)
    assert markup.one("input", id="notify_url")["value"] == "https://10.0.0.1/hook"
    assert "checked" in markup.one("input", id="token-auto-rotate").attributes


def test_a_test_alert_keeps_an_address_that_is_only_typed(visitor: FlaskClient, base: str) -> None:
    data = {"notify_url": "https://chat.example.org/hook"}
    token = token_of(visitor, f"{base}/gitlab")
    page = visitor.post(f"{base}/gitlab/policy/test-alert", data={**data, "csrf_token": token})
    assert page.status_code == 422
    assert Markup.of(page).one("input", id="notify_url")["value"] == data["notify_url"]
    assert "Save this address first" in text_of(page)


def test_no_secret_that_a_form_asks_for_is_kept() -> None:
    markup = "".join(TEMPLATES.values())
    asking = re.findall(r'<input [^>]*"password"[^>]*>|\b(?:input|field)\([^}]*"password"', markup)
    named = [re.search(r' name="(\w+)"|^\w+\("(\w+)"', one) for one in asking]
    assert len(named) == len(re.findall(r'type="password"|, "password"', markup))
    names = {one and (one[1] or one[2]) for one in named}
    assert names >= {"token", "current"}
    assert names <= NEVER_KEPT
