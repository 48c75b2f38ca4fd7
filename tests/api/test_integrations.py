"""The integration over the API."""

import uuid
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gitlab_links.accounts.models import Org
from gitlab_links.clock import utcnow
from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.extensions import db
from gitlab_links.http.gitlab_waits import waiting_for_gitlab
from gitlab_links.integrations.models import OrgGitLabIntegration
from tests.api.callers import Caller
from tests.conftest import GITLAB_TOKEN
from tests.factories import Factory
from tests.frozen_clock import FrozenClock

BODY = {"object_kind": "push"}


def deliver(client: FlaskClient, base: str, secret: str | None) -> int:
    """The status of a webhook sent with this secret."""
    headers = {"X-Gitlab-Event": "Push Hook", "Idempotency-Key": uuid.uuid4().hex}
    if secret is not None:
        headers["X-Gitlab-Token"] = secret
    return client.post(
        f"{base}/integrations/gitlab/webhook", json=BODY, headers=headers
    ).status_code


def test_before_anything_is_set(admin: Caller, base: str) -> None:
    answer = admin.get(f"{base}/integrations/gitlab")
    assert answer.status_code == 200
    assert answer.json == {
        "gitlab": {
            "base_url": None,
            "has_token": False,
            "token_set_at": None,
            "token_expires_at": None,
            "token_scopes": None,
            "webhook_configured": False,
            "webhook_url": f"http://localhost{base}/integrations/gitlab/webhook",
            "signing_configured": False,
            "health": {
                "status": "not_configured",
                "error_code": "missing_integration",
                "paused_until": None,
                "last_event_at": None,
                "last_synced_at": None,
            },
        }
    }


def test_secrets_go_in_and_never_come_out(admin: Caller, base: str) -> None:
    path = f"{base}/integrations/gitlab"
    signing = "whsec_VGhpcyBpcyBub3QgYSByZWFsIHNpZ25pbmcga2V5ISE="
    secrets = {"token": "glpat-canary", "webhook_secret": "hook-canary", "signing_token": signing}
    answer = admin.patch(path, json={"base_url": "https://GitLab.example.com:443/", **secrets})
    assert answer.status_code == 200
    shown = answer.json["gitlab"]
    assert shown["base_url"] == "https://gitlab.example.com"
    assert shown["has_token"] and shown["webhook_configured"] and shown["signing_configured"]
    assert shown["health"]["status"] == "attention"
    assert admin.get(path).json == answer.json
    everything = answer.text + admin.get(f"{base}/audit-events").text
    assert not [secret for secret in secrets.values() if secret in everything]

    cleared = admin.patch(path, json=dict.fromkeys([*secrets, "base_url"], "")).json["gitlab"]
    assert not cleared["has_token"] and not cleared["webhook_configured"]
    assert cleared["base_url"] is None


def test_what_is_saved_is_tried_and_the_answer_says_what_came_of_it(
    org: Org, admin: Caller, base: str, gitlab: SimulatedGitLab
) -> None:
    path = f"{base}/integrations/gitlab"

    def save(**change: str) -> tuple[str, str | None]:
        answer = admin.patch(path, json=change)
        assert answer.status_code == 200
        assert admin.get(path).json == answer.json
        health = answer.json["gitlab"]["health"]
        return health["status"], health["error_code"]

    refused = save(base_url=gitlab.url, token="glpat-that-nobody-has")
    assert refused == ("attention", "auth_error")
    reader = gitlab.state.people.add_user("reader")
    useless = gitlab.state.people.add_token(reader, scopes=["read_user"]).value
    assert save(token=useless) == ("attention", "insufficient_scope")
    gitlab.state.faults.answer("close", times=None)
    assert save(token=GITLAB_TOKEN) == ("attention", "network_error")
    asked = gitlab.state.calls.total("")
    assert save(webhook_secret="of-no-token") == ("attention", "network_error")
    assert gitlab.state.calls.total("") == asked, "there is nothing new to try"
    gitlab.state.faults.clear()
    assert save(token=GITLAB_TOKEN)[1] is None
    assert admin.get(path).json["gitlab"]["token_scopes"]


@pytest.mark.parametrize(
    ("new", "fault", "status", "code"),
    [
        ("glpat-that-nobody-has", None, 422, "token_refused"),
        ("of too small a scope", None, 422, "token_refused"),
        (GITLAB_TOKEN, "close", 409, "token_not_checked"),
    ],
)
def test_a_token_that_works_is_replaced_only_by_one_that_gitlab_accepts(
    admin: Caller, base: str, gitlab: SimulatedGitLab, new: str, fault: str | None, status: int,
    code: str,
) -> None:  # fmt: skip
    path = f"{base}/integrations/gitlab"
    admin.patch(path, json={"base_url": gitlab.url, "token": GITLAB_TOKEN})
    before = admin.get(path).json
    if " " in new:
        reader = gitlab.state.people.add_user("reader")
        new = gitlab.state.people.add_token(reader, scopes=["read_user"]).value
    if fault:
        gitlab.state.faults.answer(fault, times=None)
    for same in ({}, {"base_url": f"{gitlab.url}/"}):
        refused = admin.patch(path, json={"token": new, "webhook_secret": "another", **same})
        assert (refused.status_code, refused.json["code"]) == (status, code)
        assert "the present token stays" in refused.json["errors"]["token"][0]
        assert admin.get(path).json == before
    gitlab.state.faults.clear()
    second = gitlab.state.people.add_token(gitlab.state.people.add_user("pm"), scopes=["api"])
    accepted = admin.patch(path, json={"token": second.value}).json["gitlab"]
    assert accepted["health"]["error_code"] is None
    # Once GitLab refuses the present one, any other may take its place.
    second.revoked = True
    assert admin.post(f"{path}/validate").json["status"] == "invalid"
    assert admin.patch(path, json={"token": "glpat-that-nobody-has"}).status_code == 200


def test_what_is_saved_while_gitlab_is_being_asked_is_saved_and_tried_later(
    app: Flask, org: Org, admin: Caller, base: str, gitlab: SimulatedGitLab
) -> None:
    path = f"{base}/integrations/gitlab"
    with app.app_context(), waiting_for_gitlab(org.id):
        answer = admin.patch(path, json={"base_url": gitlab.url, "token": "glpat-unknown"})
    health = answer.json["gitlab"]["health"]
    assert (answer.status_code, health["status"], health["error_code"]) == (200, "attention", None)
    assert admin.get(path).json["gitlab"]["has_token"]


def test_a_token_needs_to_know_its_gitlab(admin: Caller, base: str) -> None:
    answer = admin.patch(f"{base}/integrations/gitlab", json={"token": "glpat-x"})
    assert (answer.status_code, answer.json["code"]) == (409, "missing_integration")


def test_deleting_forgets_everything_and_may_be_repeated(admin: Caller, base: str) -> None:
    path = f"{base}/integrations/gitlab"
    before = admin.get(path).json
    admin.patch(path, json={"base_url": "https://gitlab.example.com", "token": "glpat-x"})
    assert [admin.delete(path).status_code for _ in range(2)] == [204, 204]
    assert admin.get(path).json == before


def test_a_made_secret_opens_the_webhook_and_the_one_before_for_a_day(
    admin: Caller, client: FlaskClient, base: str, clock: FrozenClock
) -> None:
    path = f"{base}/integrations/gitlab/webhook-secret"
    assert deliver(client, base, None) == deliver(client, base, "") == 403
    first = admin.post(path).json["webhook_secret"]
    second = admin.post(path).json["webhook_secret"]
    assert first != second
    assert deliver(client, base, first) == deliver(client, base, second) == 202
    assert deliver(client, base, "glw_wrong") == deliver(client, base, None) == 403
    clock.advance(timedelta(hours=25).total_seconds())
    assert (deliver(client, base, first), deliver(client, base, second)) == (403, 202)


def test_a_cleared_secret_closes_the_webhook_at_once(
    admin: Caller, client: FlaskClient, base: str
) -> None:
    secret = admin.post(f"{base}/integrations/gitlab/webhook-secret").json["webhook_secret"]
    admin.patch(f"{base}/integrations/gitlab", json={"webhook_secret": ""})
    assert deliver(client, base, secret) == 403


def test_validating_asks_gitlab_and_keeps_what_it_says(
    app: Flask, factory: Factory, org: Org, admin: Caller, base: str, gitlab: SimulatedGitLab
) -> None:
    factory.connect(org, base_url=gitlab.url, token=GITLAB_TOKEN)
    with app.app_context():
        db.session.query(OrgGitLabIntegration).update(
            {"error_code": "auth_error", "error_at": utcnow()}
        )
        db.session.commit()
    result = admin.post(f"{base}/integrations/gitlab/validate")
    assert result.status_code == 200
    assert (result.json["status"], result.json["error_code"]) == ("valid", None)
    assert result.json["gitlab_version"]
    shown = admin.get(f"{base}/integrations/gitlab").json["gitlab"]
    assert shown["token_scopes"] == result.json["scopes"]
    assert shown["health"]["error_code"] is None


def test_validating_a_refused_token_says_so_and_stops_the_connection(
    factory: Factory, org: Org, admin: Caller, base: str, gitlab: SimulatedGitLab
) -> None:
    factory.connect(org, base_url=gitlab.url, token="glpat-wrong")
    result = admin.post(f"{base}/integrations/gitlab/validate").json
    assert (result["status"], result["error_code"]) == ("invalid", "auth_error")
    health = admin.get(f"{base}/integrations/gitlab").json["gitlab"]["health"]
    assert (health["status"], health["error_code"]) == ("attention", "auth_error")


def test_validating_what_is_not_there(
    admin: Caller, factory: Factory, org: Org, base: str, gitlab_port: int
) -> None:
    path = f"{base}/integrations/gitlab/validate"

    def outcome() -> tuple[str, str]:
        answer = admin.post(path)
        assert answer.status_code == 200
        return answer.json["status"], answer.json["error_code"]

    assert outcome() == ("not_validated", "missing_integration")
    factory.connect(org, base_url=f"http://127.0.0.1:{gitlab_port}")
    assert outcome() == ("not_validated", "missing_token")
    factory.connect(org, token="glpat-x")
    assert outcome() == ("not_validated", "network_error")
