"""The error pages."""

from typing import Any

import pytest
from flask import Flask

from gitlab_links.accounts.roles import Role
from tests.factories import unknown_id
from tests.pages.conftest import As
from tests.pages.markup import Markup, text_of


def test_a_wrong_address_leads_back(app: Flask, base: str, acting: As) -> None:
    for path in ("/nothing", f"{base}/tasks/ACME-99"):
        answer = acting().get(path)
        assert answer.status_code == 404
        assert "Page not found" in text_of(answer)
        assert Markup.of(answer).all("a", class_="btn")


def test_every_failure_keeps_the_header_of_who_is_logged_in(
    app: Flask, acting: As, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gitlab_links.pages.tasks.browsing.listing.find_tasks", lambda *_: 1 / 0)
    visitor = acting(Role.MEMBER)
    paths = {"/nothing": 404, f"{base}/tasks/ACME-99": 404, f"{base}/gitlab": 403, "/logout": 405,
             f"/orgs/{unknown_id()}/tasks": 404, f"{base}/tasks": 500}  # fmt: skip
    for path, status in paths.items():
        answer = visitor.get(path)
        assert answer.status_code == status
        assert "Account of" in Markup.of(answer).one("header").text, path
        assert ("Acme Rockets" in answer.text) is path.startswith(base)
        assert "Account of" not in app.test_client().get(path).text


def test_a_wrong_role_is_told_which_would_do(base: str, acting: As) -> None:
    answer = acting(Role.MEMBER).get(f"{base}/gitlab")
    text = text_of(answer)
    assert answer.status_code == 403
    assert "In this org you are a member. Only an admin or a project manager may do this." in text
    assert Markup.of(answer).one("a", class_="btn")["href"] == f"{base}/tasks"
    text = text_of(acting(Role.CLIENT).post(f"{base}/tasks/selected", data={}))
    assert "Only an admin, a project manager or a member may do this." in text


def test_a_wrong_method_is_told(app: Flask) -> None:
    answer = app.test_client().get("/logout")
    assert answer.status_code == 405
    assert "cannot be done at this address" in text_of(answer)


def test_programs_are_not_sent_pages(app: Flask) -> None:
    answer = app.test_client().get("/nothing", headers={"Accept": "application/json"})
    assert answer.mimetype == "application/problem+json"


def test_a_failure_of_ours_is_told_without_details(
    app: Flask, acting: As, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: Any, **_values: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("gitlab_links.pages.tasks.browsing.listing.find_tasks", fail)
    visitor = acting()
    answer = visitor.get(f"{base}/tasks")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert answer.headers["X-Request-ID"] in text_of(answer)
    assert Markup.of(answer).all("a", class_="btn")[0].text == "Try again"


def test_without_its_database_the_service_still_answers(make_app: Any) -> None:
    away = make_app(database_url="postgresql+psycopg://nobody@127.0.0.1:1/none")
    client = away.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = "somebody"
    answer = client.get("/")
    assert answer.status_code == 503
    assert "Nothing was changed" in text_of(answer)
    assert int(answer.headers["Retry-After"]) > 0
