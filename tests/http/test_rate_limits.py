"""So many requests a minute for each API key, with Redis and without."""

import pytest
from flask import Flask

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from gitlab_links.local.services import free_port
from tests.api.callers import browser, program
from tests.conftest import MakeApp
from tests.factories import Factory
from tests.frozen_clock import FrozenClock


@pytest.fixture(params=["redis", "no redis"])
def limited(request: pytest.FixtureRequest, make_app: MakeApp, clock: FrozenClock) -> Flask:
    """Three requests a minute."""
    clock.advance(60 - clock.current.timestamp() % 60)
    if request.param == "redis":
        return make_app(api_rate_limit=3)
    return make_app(api_rate_limit=3, redis_url=f"redis://127.0.0.1:{free_port()}/0")


@pytest.fixture
def org(factory: Factory) -> Org:
    return factory.org()


def test_a_key_gets_its_remaining_requests_and_then_a_retry_time(
    limited: Flask, factory: Factory, org: Org, clock: FrozenClock
) -> None:
    caller = program(limited, factory.api_key(org))
    answers = [caller.get("/api/me") for _ in range(5)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429, 429]
    left = [one.headers["RateLimit-Remaining"] for one in answers]
    assert left == ["2", "1", "0", "0", "0"]
    assert {one.headers["RateLimit-Limit"] for one in answers} == {"3"}
    refused = answers[-1]
    assert refused.json["code"] == "rate_limited"
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    clock.advance(int(refused.headers["Retry-After"]))
    assert caller.get("/api/me").status_code == 200


def test_keys_do_not_share_and_sessions_and_gitlab_are_not_counted(
    limited: Flask, factory: Factory, org: Org
) -> None:
    for _ in range(2):
        caller = program(limited, factory.api_key(org))
        assert [caller.get("/api/me").status_code for _ in range(3)] == [200] * 3
    person = browser(limited, factory.membership(org, Role.MEMBER).user_id)
    answers = [person.get("/api/me") for _ in range(5)]
    assert {one.status_code for one in answers} == {200}
    assert "RateLimit-Limit" not in answers[0].headers
    webhook = f"/api/orgs/{org.id}/integrations/gitlab/webhook"
    assert {limited.test_client().post(webhook, json={}).status_code for _ in range(5)} == {403}
