"""Endpoints by the API: the secret once, addresses checked, the log and replay."""

import pytest
from standardwebhooks import Webhook

from gitlab_links.accounts.roles import Role
from tests.api.callers import program


@pytest.fixture
def admin(office, factory):
    return program(office.app, factory.api_key(office.org, role=Role.ADMIN))


@pytest.fixture
def base(office):
    return f"/api/orgs/{office.org.id}/event-endpoints"


def test_an_endpoint_is_made_changed_tried_and_deleted(admin, base, receiver):
    made = admin.post(base, json={"url": receiver.url("good"), "description": "Build lights"})
    assert made.status_code == 201
    endpoint = made.json["endpoint"]
    assert endpoint["url_host"] == f"127.0.0.1:{receiver.port}"
    assert "s3cret-path" not in made.text
    path = f"{base}/{endpoint['id']}"
    assert made.headers["Location"] == path
    assert "secret" not in admin.get(path).json["endpoint"]
    tried = admin.post(f"{path}/test").json
    assert (tried["status"], tried["failure"], tried["answer"]) == (200, None, "thanks")
    (got,) = receiver.got
    Webhook(endpoint["secret"]).verify(got.body, got.headers)
    assert got.json["type"] == "endpoint.test"
    changed = admin.patch(path, json={"types": ["link.created"], "enabled": False})
    assert changed.json["endpoint"]["types"] == ["link.created"]
    assert not changed.json["endpoint"]["enabled"]
    renewed = admin.post(f"{path}/secret").json["endpoint"]
    assert renewed["secret"] != endpoint["secret"]
    assert renewed["former_secret_until"]
    assert admin.delete(path).status_code == 204
    assert admin.get(base).json == {"endpoints": []}


@pytest.mark.parametrize("role", [Role.PM, Role.ADMIN])
def test_if_match_compares_the_settings_and_not_what_is_sent(office, factory, base, receiver, role):
    api = program(office.app, factory.api_key(office.org, role=role))
    made = api.post(base, json={"url": receiver.url("good")}).json["endpoint"]
    path = f"{base}/{made['id']}"
    read = api.get(path).headers["ETag"]
    office.tasks("One")
    office.work()
    assert api.get(path).headers["ETag"] != read
    changed = api.patch(path, json={"description": "Theirs"}, headers={"If-Match": read})
    assert changed.status_code == 200
    late = api.patch(path, json={"url": receiver.url("mine")}, headers={"If-Match": read})
    assert (late.status_code, late.json["code"]) == (412, "precondition_failed")
    other_address = api.patch(
        path, json={"url": receiver.url("else")}, headers={"If-Match": changed.headers["ETag"]}
    )
    assert other_address.headers["ETag"] != changed.headers["ETag"]
    refused = api.delete(path, headers={"If-Match": changed.headers["ETag"]})
    assert refused.status_code == 412, "the address is another one, of the same host"


def test_a_test_that_fails_says_why(admin, base, receiver):
    receiver.answers["broken"] = 500
    made = admin.post(base, json={"url": receiver.url("broken")}).json["endpoint"]
    tried = admin.post(f"{base}/{made['id']}/test").json
    assert (tried["status"], tried["failure"]) == (500, "It answered 500.")
    assert admin.get(f"{base}/{made['id']}").json["endpoint"]["failing_since"] is None


def test_the_log_shows_attempts_and_sends_again(admin, base, office, receiver):
    made = admin.post(base, json={"url": receiver.url("good")}).json["endpoint"]
    office.tasks("One")
    office.work()
    log = f"{base}/{made['id']}/deliveries"
    (delivery,) = admin.get(log).json["deliveries"]
    assert (delivery["status"], delivery["last_answer"]) == ("delivered", "thanks")
    assert admin.get(f"{log}?status=failed").json["deliveries"] == []
    replayed = admin.post(f"{log}/{delivery['id']}/replay")
    assert (replayed.status_code, replayed.json["delivery"]["status"]) == (202, "waiting")
    assert admin.post(f"{log}/{delivery['id']}/replay").json["code"] == "delivery_pending"
    office.send()
    first, second = receiver.got
    assert first.id == second.id
    history = admin.get(f"{log}/{delivery['id']}").json["delivery"]["history"]
    assert [one["replay"] for one in history] == [False, True]
    assert all(one["at"].endswith("Z") for one in history)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/x",
        "https://127.0.0.1/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/x",
        "https://[::ffff:10.0.0.1]/x",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://user:pass@hooks.example.com/",
        "https://localhost/x",
        "ftp://hooks.example.com/",
        "javascript:alert(1)",
        "https://hooks.example.com:0/",
        "file:///etc/passwd",
    ],
)
def test_an_address_that_may_not_be_sent_to_is_refused_in_words(admin, base, url):
    answer = admin.post(base, json={"url": url})
    assert answer.status_code == 422
    assert answer.json["errors"]["url"][0].endswith(".")


def test_a_project_of_another_org_is_refused(admin, base, receiver, factory):
    other = factory.gitlab_project(factory.org())
    answer = admin.post(base, json={"url": receiver.url("good"), "projects": [str(other.id)]})
    assert (answer.status_code, list(answer.json["errors"])) == (422, ["projects"])


def test_an_endpoint_that_was_turned_off_is_a_finding_of_health(office, receiver, factory):
    from gitlab_links.clock import utcnow
    from gitlab_links.extensions import db
    from gitlab_links.health.report import report_of

    factory.integration(office.org, token_ciphertext="of some token")
    office.endpoint("gone", description="Old dashboard")
    receiver.answers["gone"] = 410
    office.tasks("One")
    office.work()
    found = {one.code: one for one in report_of(office.org.id, utcnow()).findings}
    db.session.rollback()
    assert found["endpoint_off"].summary.startswith(
        "Events are not sent to Old dashboard any more. It answered 410"
    )


def test_the_contract_has_a_webhook_for_each_type_with_an_example_of_the_code(office):
    from jsonschema import Draft202012Validator

    from gitlab_links.api.contract import contract
    from gitlab_links.events.models import EventType

    document = contract(office.app)
    assert set(document["webhooks"]) == {kind.value for kind in EventType}
    validator = Draft202012Validator({"$ref": "#/components/schemas/Event", **document})
    for kind, item in document["webhooks"].items():
        example = item["post"]["requestBody"]["content"]["application/json"]["example"]
        validator.validate(example)
        assert example["type"] == kind


def test_each_type_of_event_arrives_and_verifies(office, receiver):
    from gitlab_links.audit.changes import SERVICE
    from gitlab_links.events.models import EventType
    from gitlab_links.events.recording import NewEvent, record
    from gitlab_links.extensions import db
    from tests.outgoing.by_hand import verified

    made = office.endpoint()
    record(office.org.id, SERVICE, *(NewEvent(kind) for kind in EventType))
    db.session.commit()
    office.work()
    assert [one.json["type"] for one in receiver.got] == [kind.value for kind in EventType]
    for got in receiver.got:
        Webhook(made.secret).verify(got.body, got.headers)
        assert verified(made.secret, got.headers, got.body)
