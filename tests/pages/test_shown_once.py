"""A form that makes something makes it once, and its secret is shown on one page."""

import pytest
from flask import Flask
from sqlalchemy import func, select

from gitlab_links.accounts.models import ApiKey, Org
from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db
from gitlab_links.invitations.models import Invitation
from gitlab_links.tasks.models import Task
from tests.api.callers import Caller
from tests.factories import Factory
from tests.pages.conftest import As
from tests.pages.markup import Markup, hidden

KEY = {"name": "CI", "scopes": ["read"], "expires": "30"}
MEMBER = {"email": "new@example.com", "name": "Nia", "role": "member"}
FORMS = {
    "keys": ("/api-keys", "/api-keys", KEY, "api-key", ApiKey),
    "members": ("/members", "/members", MEMBER, "invitation-link", Invitation),
    "webhook secret": ("/gitlab", "/gitlab/webhook-secret", {}, "webhook-secret", None),
}


@pytest.fixture
def admin(acting: As, factory: Factory, org: Org) -> Caller:
    factory.integration(org)
    return acting(Role.ADMIN)


def once(admin: Caller, page: str, action: str) -> str:
    """The field that makes two presses of a button one."""
    markup = Markup.of(admin.get(page))
    forms = [form for form in markup.all("form") if form.get("action") == action]
    assert len(forms) == 1
    values = [field["value"] for field in markup.all("input", name="once")]
    assert values
    return str(values[-1])


def seen(admin: Caller, page: str) -> dict[str, str]:
    """What the secrets of the webhook were when the page was opened, if it shows them."""
    answer = admin.get(page)
    return hidden(answer, "secrets_version") if page.endswith("/gitlab") else {}


def count(app: Flask, model: type) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(model)) or 0


@pytest.mark.parametrize("name", FORMS)
def test_a_secret_survives_one_redirect(admin: Caller, base: str, name: str) -> None:
    page, action, values, field, _ = FORMS[name]
    answer = admin.post(base + action, data={**values, **seen(admin, base + page)})
    assert (answer.status_code, answer.headers["Location"]) == (302, base + page)
    shown = admin.get(base + page)
    secret = Markup.of(shown).one("input", id=field)["value"]
    assert shown.headers["Cache-Control"] == "no-store"
    again = admin.get(base + page)
    assert secret not in again.text
    assert again.headers["Cache-Control"] != "no-store"


def test_it_is_not_readable_on_the_way(admin: Caller, base: str) -> None:
    admin.post(f"{base}/api-keys", data=KEY)
    with admin.client.session_transaction() as session:
        kept = dict(session)
    secret = Markup.of(admin.get(f"{base}/api-keys")).one("input", id="api-key")["value"]
    assert secret not in repr(kept)


def test_another_page_meanwhile_does_not_lose_it(admin: Caller, base: str) -> None:
    admin.post(f"{base}/api-keys", data=KEY)
    for page in ("/tasks", "/members", "/gitlab"):
        assert admin.get(base + page).status_code == 200
    assert 'id="api-key"' in admin.get(f"{base}/api-keys").text


@pytest.mark.parametrize("name", FORMS)
def test_a_double_click_makes_one_and_shows_it(
    app: Flask, admin: Caller, base: str, name: str
) -> None:
    page, action, values, field, model = FORMS[name]
    pressed = {**values, **seen(admin, base + page)}
    pressed["once"] = once(admin, base + page, base + action)
    before = 0 if model is None else count(app, model)
    first = admin.post(base + action, data=pressed)
    second = admin.post(base + action, data=pressed)
    assert (first.status_code, second.status_code) == (302, 302)
    assert second.headers["Location"] == first.headers["Location"]
    assert f'id="{field}"' in admin.get(base + page).text
    if model is not None:
        assert count(app, model) == before + 1


def test_a_double_click_makes_one_task(app: Flask, admin: Caller, base: str) -> None:
    form = Markup.of(admin.get(f"{base}/tasks/new"))
    values = {
        "title": "Ship",
        "description": "",
        "external_url": "",
        "assignee_id": "",
        "due_date": "",
    }
    pressed = {**values, "once": form.one("input", name="once")["value"]}
    first, second = (admin.post(f"{base}/tasks/new", data=pressed) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    assert count(app, Task) == 1
    other = admin.post(f"{base}/tasks/new", data={**pressed, "title": "Sail"})
    assert other.headers["Location"] != first.headers["Location"]
    assert count(app, Task) == 2


def test_a_second_press_after_a_refused_one_is_a_first(
    app: Flask, admin: Caller, base: str
) -> None:
    form = Markup.of(admin.get(f"{base}/tasks/new"))
    pressed = {
        "description": "",
        "external_url": "",
        "assignee_id": "",
        "due_date": "",
        "once": form.one("input", name="once")["value"],
    }
    assert admin.post(f"{base}/tasks/new", data={**pressed, "title": ""}).status_code == 422
    assert admin.post(f"{base}/tasks/new", data={**pressed, "title": "Ship"}).status_code == 302
    assert count(app, Task) == 1
