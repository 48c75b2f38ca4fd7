"""One line for each request, by which a webhook can be followed; no secrets in it."""

import json

import pytest
import structlog
from structlog.testing import capture_logs

from gitlab_links.accounts.models import ApiKey
from gitlab_links.extensions import db
from gitlab_links.http import access_log, guard
from gitlab_links.integrations.webhook_secrets import hash_webhook_secret
from tests.api.callers import program
from tests.gitlab import bodies

pytestmark = pytest.mark.only_on("sqlite")
SECRET = "never-in-a-log"


@pytest.fixture
def org(app, factory):
    org = factory.org()
    with app.app_context():
        digest = hash_webhook_secret(org.id, SECRET)
    factory.integration(org, webhook_secret_hash=digest)
    return org


@pytest.fixture(autouse=True)
def _fresh_logger(monkeypatch):
    """One that was used before keeps writing where it wrote then, and is not captured."""
    monkeypatch.setattr(access_log, "log", structlog.get_logger(access_log.__name__))


@pytest.fixture
def send(app, org):
    def post(secret):
        with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
            answer = app.test_client().post(
                f"/api/orgs/{org.id}/integrations/gitlab/webhook?private_token={SECRET}",
                data=bodies.sent(bodies.issue()),
                content_type="application/json",
                headers={
                    "X-Gitlab-Token": secret,
                    "X-Request-ID": "our-request-1",
                    "X-Gitlab-Event-UUID": "event-1",
                    "X-Gitlab-Webhook-UUID": "webhook-1",
                    "webhook-id": "message-1",
                },
            )
        return answer, [line for line in lines if line["event"] == "request"]

    return post


def test_the_line_of_a_webhook_has_the_ids_to_follow_it_by(org, send):
    answer, (line,) = send(SECRET)
    assert line.pop("ms") >= 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "POST",
        "route": "/api/orgs/<uuid:org_id>/integrations/gitlab/webhook",
        "status": 202,
        "request_id": "our-request-1",
        "org_id": str(org.id),
        "delivery_id": answer.json["delivery_id"],
    }
    assert answer.headers["X-Request-ID"] == "our-request-1"


def test_the_line_of_a_refused_one_says_which_header_was_wrong_and_no_secret(org, send):
    _, (line,) = send("a guess " + SECRET)
    assert (line["status"], line["refused"], line["org_id"]) == (403, "token_wrong", str(org.id))
    assert SECRET not in json.dumps(line)


def test_the_delivery_tells_the_same_ids(app, factory, org, send):
    from tests.api.callers import program

    answer, _ = send(SECRET)
    caller = program(app, factory.api_key(org))
    url = f"/api/orgs/{org.id}/deliveries"
    delivery = caller.get(f"{url}/{answer.json['delivery_id']}").json["delivery"]
    assert delivery["request_id"] == "our-request-1"
    assert (delivery["event_uuid"], delivery["webhook_uuid"]) == ("event-1", "webhook-1")
    assert delivery["webhook_id"] == "message-1"
    assert (delivery["proof"], delivery["effect"], delivery["doubt"]) == (
        "shared_secret",
        None,
        None,
    )
    for query, found in (
        ("request_id=our-request-1", 1),
        ("event_uuid=event-1", 1),
        ("request_id=other", 0),
    ):
        assert len(caller.get(f"{url}?{query}").json["deliveries"]) == found


def test_paths_that_nobody_serves_are_in_no_line(app):
    with capture_logs() as lines:
        app.test_client().get(f"/invitations-of-nobody/{SECRET}")
    (line,) = [line for line in lines if line["event"] == "request"]
    assert (line["status"], line["route"]) == (404, None)
    assert SECRET not in json.dumps(line)


def test_the_line_says_whose_request_it_was_also_if_it_was_one_too_many(make_app, factory):
    org = factory.org()
    app = make_app(api_rate_limit=1)
    secret = factory.api_key(org)
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        for _ in range(2):
            program(app, secret).get(f"/api/orgs/{org.id}/tasks")
    named = [line for line in lines if line["event"] == "request"]
    assert [line["status"] for line in named] == [200, 429]
    with app.app_context():
        key = db.session.scalars(db.select(ApiKey)).one()
        whose = (str(key.user_id), str(key.id))
    assert [(line["user_id"], line["api_key_id"]) for line in named] == [whose, whose]


def test_a_refused_host_is_named(make_app, monkeypatch):
    monkeypatch.setattr(guard, "log", structlog.get_logger(guard.__name__))
    app = make_app(public_base_url="https://links.example.com")
    with capture_logs() as lines:
        app.test_client().get("/login", headers={"Host": "other.example.com"})
    refused = [line for line in lines if line["event"] == "request.host_refused"]
    assert [line["host"] for line in refused] == ["other.example.com"]
