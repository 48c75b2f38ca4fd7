"""Served under a path: every address that a page or an answer names begins with it."""

import re
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException

from gitlab_links.accounts.roles import Role
from gitlab_links.pages.operators.queues import MOUNT
from tests.api.callers import browser
from tests.conftest import MakeApp
from tests.factories import Factory
from tests.pages.markup import Markup

PASSWORD = "correct horse battery staple"
NAMES = ("href", "src", "action", "formaction", "data-url", "data-live", "data-refresh")


@pytest.fixture
def mounted(make_app: MakeApp) -> Flask:
    return make_app(public_base_url="http://localhost/links", trusted_proxies=1)


def addresses(page: Markup) -> set[str]:
    """Every address of this host that the page names."""
    found = {
        value
        for element in page.elements
        for name, value in element.attributes.items()
        if (name in NAMES or name.startswith("data-")) and value.startswith("/")
        if not value.startswith("/-/")  # of GitLab's
    }
    return {urlsplit(address).path for address in found}


@pytest.mark.slow
@pytest.mark.parametrize("passed_on", ["/links", ""])
def test_one_logs_in_and_finds_every_page_under_the_path(
    mounted: Flask, factory: Factory, passed_on: str
) -> None:
    org, user = factory.org(), factory.user_with_password(PASSWORD, email="ann@example.com")
    factory.membership(org, Role.ADMIN, user)
    factory.task(org)
    client = mounted.test_client()

    def ask(address: str, **form: str):
        # The proxy leaves the path in, or takes it away.
        assert address.startswith("/links"), address
        path = passed_on + address.removeprefix("/links")
        return client.post(path, data=form) if form else client.get(path or "/")

    wanted = f"/links/orgs/{org.id}/gitlab"
    to_login = ask(wanted)
    assert to_login.status_code == 302
    login = ask(to_login.location)
    fields = {
        one["name"]: one.get("value") or ""
        for one in Markup.of(login).all("input")
        if one.get("name")
    }
    form = {**fields, "email": "ann@example.com", "password": PASSWORD}
    assert ask("/links/login", **form).location == wanted

    waiting, seen = {"/links/", wanted}, set()
    while waiting:
        address = waiting.pop()
        seen.add(address)
        answer = ask(address)
        if answer.status_code == 302:
            waiting |= {urlsplit(answer.location).path} - seen
            continue
        assert answer.status_code == 200, address
        if answer.mimetype != "text/html" or MOUNT in address:  # a library's pages
            continue
        named = addresses(Markup.of(answer))
        assert {one for one in named if not one.startswith("/links/")} == set(), address
        pages = {one for one in named if not re.search(r"/(logout|csv|selected)|\.\w+$", one)}
        waiting |= {one for one in pages if _is_read(mounted, one)} - seen
    assert len(seen) > 8


def _is_read(app: Flask, address: str) -> bool:
    adapter = app.url_map.bind("localhost")
    try:
        return bool(adapter.match(address.removeprefix("/links"), method="GET"))
    except HTTPException:
        return False


def test_a_new_key_is_shown_after_its_redirect(mounted: Flask, factory: Factory) -> None:
    org = factory.org()
    caller = browser(mounted, factory.membership(org, Role.ADMIN).user_id)
    form = {"name": "of the tests", "scopes": "read", "expires": "90"}
    made = caller.post(f"/links/orgs/{org.id}/api-keys", data=form)
    assert made.status_code == 302, made.get_data(as_text=True)
    assert made.location.startswith("/links/")
    assert "glk_" in caller.get(made.location).get_data(as_text=True)


def test_programs_find_the_path_in_the_contract_and_in_locations(
    mounted: Flask, factory: Factory
) -> None:
    org = factory.org()
    key = {"Authorization": f"Bearer {factory.api_key(org)}"}
    client: FlaskClient = mounted.test_client()
    contract = client.get("/links/api/openapi.json").json
    assert [server["url"] for server in contract["servers"]] == ["/links"]
    made = client.post(f"/links/api/orgs/{org.id}/tasks", json={"title": "One"}, headers=key)
    assert made.status_code == 201
    location = urlsplit(made.headers.get("Location", "/links/")).path
    assert location.startswith("/links/")
    settings = client.get(f"/links/api/orgs/{org.id}/integrations/gitlab", headers=key).json
    assert settings["gitlab"]["webhook_url"].startswith("http://localhost/links/api/orgs/")


def test_at_the_root_the_contract_says_so(app: Flask) -> None:
    assert app.test_client().get("/api/openapi.json").json["servers"][0]["url"] == "/"


def test_what_a_client_claims_of_a_path_counts_for_nothing(mounted: Flask) -> None:
    answer = mounted.test_client().get("/links/", headers={"X-Forwarded-Prefix": "//evil.example"})
    assert answer.location.startswith("/links/login")
    assert mounted.test_client().get("/healthz").status_code == 200
    assert mounted.test_client().get("/linksandmore").status_code == 404
