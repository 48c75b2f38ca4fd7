"""Another issuer than GitLab, by a library that others wrote and that knows nothing of us."""

import re
import warnings
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests
from flask import Flask

from gitlab_links.accounts.models import User
from gitlab_links.config.allowed_hosts import AllowedHosts
from tests.api.callers import browser
from tests.conftest import MakeApp
from tests.hanging import HANGS
from tests.sign_in.conftest import PASSWORD, begin, is_in, issuer_at, said

# Its own use of Authlib is older than ours.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:authlib")


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """Its address. It keeps the address out of the ID token, as many do."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import oidc_provider_mock

    people = [
        oidc_provider_mock.User(
            sub="248289761001",
            claims={"email": "sam@example.com", "email_verified": True, "name": "Sam"},
        )
    ]
    with oidc_provider_mock.run_server_in_thread(user_claims=people) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def service(make_app: MakeApp, provider: str) -> Flask:
    allowed = AllowedHosts.parse((urlsplit(provider).netloc,))
    issuer = issuer_at(provider, label="Other", trusts_addresses=True)
    return make_app(issuer=issuer, gitlab_allowed_hosts=allowed)


def choose(address: str) -> str:
    page = requests.get(address, timeout=HANGS).text
    assert re.search(r"248289761001|sam@example.com", page)
    form = {"sub": "248289761001"}
    answer = requests.post(address, data=form, allow_redirects=False, timeout=HANGS)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"].removeprefix("http://localhost")


def test_it_opens_a_confirmed_account_by_its_verified_address(service: Flask, sam: User) -> None:
    client = service.test_client()
    assert "nobody has confirmed the address" in said(client, client.get(choose(begin(client))))
    here = browser(service, sam.id)
    page = here.post("/account/identities", data={"current": PASSWORD}).text
    target = page.split("url=")[1].split('"')[0].replace("&amp;", "&")
    assert here.get(choose(target)).headers["Location"] == "/account"
    client = service.test_client()
    client.get(choose(begin(client)))
    assert is_in(client)


def test_its_code_counts_once(service: Flask, sam: User) -> None:
    client = service.test_client()
    path = choose(begin(client))
    client.get(path)
    other = service.test_client()
    other.get(path)
    assert not is_in(other)
