"""The service with the simulated GitLab as its issuer."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gitlab_links.accounts.models import Org, User
from gitlab_links.accounts.roles import Role
from gitlab_links.config.issuers import Issuer
from gitlab_links.demo.gitlab import SimulatedGitLab
from tests.conftest import MakeApp
from tests.factories import Factory
from tests.hanging import HANGS
from tests.invitations.conftest import admin, keeping, mail_server, mailbox, org, principal
from tests.pages.markup import Markup

__all__ = ["admin", "keeping", "mail_server", "mailbox", "org", "principal"]

CALLBACK = "http://localhost/sign-in/callback"
CLIENT, SECRET = "the-client-of-the-tests", "the-client-secret-of-the-tests"
PASSWORD = "correct horse battery"


def issuer_at(url: str, **changes: Any) -> Issuer:
    return Issuer(**{
        "url": url, "client_id": CLIENT, "client_secret": SECRET, "label": "GitLab", **changes,
    })  # fmt: skip


MakeService = Callable[..., Flask]


@pytest.fixture
def serve(make_app: MakeApp, gitlab: SimulatedGitLab) -> MakeService:
    """``serve(trusts_addresses=True)``: the service, whose issuer is the simulated GitLab."""
    gitlab.state.sign_ins.register(CLIENT, SECRET, CALLBACK)
    gitlab.state.people.add_user("sam", "Sam Jones")
    gitlab.state.people.add_user("eve", "Eve Roth")

    def make(mail_server: Any = None, **changes: Any) -> Flask:
        return make_app(issuer=issuer_at(gitlab.url, **changes), mail_server=mail_server)

    return make


@pytest.fixture
def service(serve: MakeService) -> Flask:
    return serve()


@pytest.fixture
def sam(factory: Factory, org: Org) -> User:
    """Somebody with an account, whose address the simulated GitLab knows, too."""
    user = factory.user_with_password(PASSWORD, email="sam@example.com", name="Sam")
    factory.membership(org, Role.MEMBER, user)
    return user


def begin(client: FlaskClient, path: str = "/sign-in") -> str:
    """Where the browser goes to sign in."""
    answer = client.get(path)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


def choose(address: str, username: str = "sam") -> str:
    """Sign in at the simulated GitLab; gives where the browser returns to."""
    answer = requests.post(address, data={"user": username}, allow_redirects=False, timeout=HANGS)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"].removeprefix("http://localhost")


def sign_in(client: FlaskClient, username: str = "sam", path: str = "/sign-in") -> TestResponse:
    """All of it; gives the answer to the browser that returns."""
    return client.get(choose(begin(client, path), username))


def link(caller: Any, username: str = "sam", current: str = PASSWORD) -> TestResponse:
    """Link an account of GitLab's on the page Account."""
    page = caller.post("/account/identities", data={"current": current})
    assert page.status_code == 200, page.headers
    (target,) = [one["href"] for one in Markup.of(page).all("a") if "/oauth/" in one["href"]]
    return caller.get(choose(target, username))


def query_of(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def said(client: FlaskClient, answer: TestResponse) -> str:
    """The page that a refused sign-in leads to, as text."""
    assert answer.status_code == 302
    return client.get(answer.headers["Location"], follow_redirects=True).text


def is_in(client: FlaskClient) -> bool:
    return client.get("/account").status_code == 200


def csrf_of(client: FlaskClient) -> dict[str, str]:
    """The token of a page's forms, for a form of one's own."""
    field = Markup.of(client.get("/account")).all("input", name="csrf_token")[0]
    return {"csrf_token": field["value"]}
