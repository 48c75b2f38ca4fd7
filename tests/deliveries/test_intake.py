"""Intake of webhooks: each is stored once, and nothing that GitLab can send is refused."""

import hashlib
import json
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from gitlab_links.deliveries.intake import STORED_HEADERS, accept, stored_headers
from gitlab_links.deliveries.models import GitLabWebhookDelivery
from gitlab_links.errors import InvalidJson, JsonTooDeep
from gitlab_links.extensions import db
from gitlab_links.http.transactions import single_write
from gitlab_links.integrations.webhook_secrets import hash_webhook_secret
from gitlab_links.storage.database import insert_unless_exists, new_id
from tests.deliveries.conftest import SECRET, deliveries
from tests.examples import examples
from tests.factories import unknown_id
from tests.gitlab import bodies

pytestmark = pytest.mark.differs_by_database


def test_a_relevant_event_is_stored_whole_and_due_at_once(receive, app_context):
    body = bodies.sent(bodies.issue())
    answer = receive(body, key="key-1", **{"User-Agent": "GitLab/19.1"})
    (stored,) = deliveries()
    assert (answer.status, answer.delivery_id) == ("accepted", stored.id)
    assert (stored.status, stored.due_at, stored.attempts) == ("received", stored.received_at, 0)
    assert (stored.event, stored.object_kind, stored.action) == ("Issue Hook", "issue", "update")
    assert (stored.project_path, stored.gitlab_type) == ("ships/engine", "issue")
    assert (stored.gitlab_iid, stored.dedupe_key) == (17, "key-1")
    assert (stored.payload, stored.size_bytes) == (body, len(body))
    assert stored.payload_sha256 == hashlib.sha256(body).hexdigest()
    assert stored.headers["User-Agent"] == "GitLab/19.1"


@pytest.mark.parametrize("body", [{"object_kind": "build"}, {}, [], 7, "text", None, [[]]])
def test_json_that_is_no_relevant_event_is_stored_and_not_due(receive, app_context, body):
    assert receive(body).status == "ignored"
    (stored,) = deliveries()
    assert (stored.status, stored.due_at) == ("ignored", None)
    assert stored.processed_at == stored.received_at


def test_the_same_key_twice_is_a_duplicate_of_the_first(receive, app_context):
    first = receive(bodies.issue(), key="key-1")
    again = receive(bodies.issue(attributes={"title": "Other"}), key="key-1")
    assert (again.status, again.delivery_id) == ("duplicate", first.delivery_id)
    assert len(deliveries()) == 1


def test_an_ignored_delivery_sent_again_is_a_duplicate(receive, app_context):
    receive({"object_kind": "build"}, key="key-1")
    assert receive({"object_kind": "build"}, key="key-1").status == "duplicate"


def test_another_key_is_another_delivery_even_of_the_same_body(receive, app_context):
    assert receive(bodies.issue(), key="key-1").status == "accepted"
    assert receive(bodies.issue(), key="key-2").status == "accepted"


def test_the_webhook_id_goes_before_the_idempotency_key(receive, app_context):
    receive(bodies.issue(), key="key-1", **{"webhook-id": "id-1"})
    assert receive(bodies.issue(), key="key-1", **{"webhook-id": "id-2"}).status == "accepted"
    assert receive(bodies.issue(), key="key-2", **{"webhook-id": "id-2"}).status == "duplicate"


def test_without_a_key_every_request_is_stored(receive, app_context):
    assert receive(bodies.issue()).status == "accepted"
    assert receive(bodies.issue()).status == "accepted"


def test_without_a_key_the_events_uuid_and_body_identify_a_repeat(receive, app_context):
    uuid = {"X-Gitlab-Event-UUID": "13792a34-cac6-4fda-95a8-c58e00a3954e"}
    assert receive(bodies.issue(), **uuid).status == "accepted"
    assert receive(bodies.issue(), **uuid).status == "duplicate"
    # Recursive hooks share the UUID of the first event.
    assert receive(bodies.issue(attributes={"iid": 18}), **uuid).status == "accepted"


def test_the_same_key_in_two_orgs_is_two_deliveries(app, factory, receive, app_context):
    receive(bodies.issue(), key="key-1")
    other = factory.org()
    factory.integration(other, webhook_secret_hash=hash_webhook_secret(other.id, SECRET))
    headers = {"X-Gitlab-Token": SECRET, "Idempotency-Key": "key-1"}
    with single_write() as connection:
        again = accept(connection, other.id, headers, bodies.sent(bodies.issue()))
    assert again.status == "accepted"


def test_of_100_copies_at_once_one_is_stored(receive, app_context):
    start, answers = threading.Barrier(20), []

    def send():
        start.wait()
        for _ in range(5):
            answers.append(receive(bodies.issue(), key="key-1"))

    threads = [threading.Thread(target=send) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (stored,) = deliveries()
    assert sorted(a.status for a in answers) == ["accepted"] + ["duplicate"] * 99
    assert {a.delivery_id for a in answers} == {stored.id}


def test_no_other_violated_constraint_is_taken_for_a_duplicate(receive, app_context, org):
    stored = receive(bodies.issue(), key="key-1")
    (row,) = deliveries()
    columns = [column.key for column in GitLabWebhookDelivery.__table__.columns]
    values = {name: getattr(row, name) for name in columns if name != "id"}
    wrong = [
        {"id": stored.delivery_id, "dedupe_key": "key-2"},  # the primary key
        {"id": new_id(), "dedupe_key": "key-3", "org_id": unknown_id()},  # a foreign key
        {"id": new_id(), "dedupe_key": "key-4", "status": None},  # not null
    ]
    for changes in wrong:
        with pytest.raises(IntegrityError):
            insert_unless_exists(
                db.session, GitLabWebhookDelivery, values | changes, "org_id", "dedupe_key"
            )
        db.session.rollback()
    assert len(deliveries()) == 1


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", InvalidJson),
        (b"{", InvalidJson),
        (b"\xff", InvalidJson),
        (b"[" * 65 + b"]" * 65, JsonTooDeep),
        (b"[" * 100_000, JsonTooDeep),
    ],
)
def test_a_body_that_is_not_json_is_refused_and_not_stored(receive, app_context, body, error):
    with pytest.raises(error):
        receive(body)
    assert deliveries() == []


HOSTILE = [
    bodies.issue(attributes={"title": "nul \0 and lone \ud800 surrogates \udfff"}),
    bodies.issue(attributes={"iid": 2**63 - 1}),
    bodies.issue(attributes={"iid": 2**63}),
    bodies.issue(attributes={"iid": -1}),
    bodies.issue(attributes={"iid": 10**400}),
    bodies.issue(attributes={"title": "x" * 1_000_000, "action": "y" * 5000}),
    bodies.issue(project={"id": 10**30, "path_with_namespace": "a/" + "b" * 5000}),
    bodies.issue(project={"id": 42, "path_with_namespace": "a\0/b\ud800"}),
    bodies.issue(object_kind="issue\0" * 100),
    bodies.issue(labels=[{"title": "\0" * 999, "color": "\ud800"}] * 999),
    bodies.issue(assignees=[{"username": "\ud800", "name": None}] * 9999),
    bodies.issue(attributes={"updated_at": "9999-12-31T23:59:59+00:00", "due_date": "0000-00-00"}),
    bodies.issue(attributes={"updated_at": "0001-01-01T00:00:00+23:59"}),
    bodies.issue(attributes={name: [{}] for name in bodies.issue()["object_attributes"]}),
    bodies.merge_request(attributes={"merge_status": "\ud800" * 999, "detailed_merge_status": {}}),
]


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_values_are_stored(receive, app_context, body):
    receive(body, **{"X-Gitlab-Event": "\x00Issue" * 200, "webhook-id": "\xff" * 999})
    (stored,) = deliveries()
    assert stored.payload == bodies.sent(body)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec=None), max_size=20)
    | st.sampled_from(["opened", "issue", "42", "2026-01-01T00:00:00Z", "9999-99-99", "\0"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "iid", "title", "path_with_namespace"]), inner)
    ),
    max_leaves=5,
)
spoilt = st.one_of(
    st.builds(
        lambda changes, top: bodies.issue(attributes=changes, **top),
        st.dictionaries(st.sampled_from(sorted(bodies.issue()["object_attributes"])), json_values),
        st.dictionaries(st.sampled_from(sorted(bodies.issue())), json_values),
    ),
    st.builds(
        lambda changes, top: bodies.merge_request(attributes=changes, **top),
        st.dictionaries(
            st.sampled_from(sorted(bodies.merge_request()["object_attributes"])), json_values
        ),
        st.dictionaries(st.sampled_from(sorted(bodies.issue())), json_values),
    ),
)


@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=spoilt, header=st.text(st.characters(codec="latin-1"), max_size=300))
def test_all_json_is_accepted_or_ignored(receive, app_context, body, header):
    headers = {"X-Gitlab-Event": header, "webhook-id": header + str(new_id())}
    assert receive(body, **headers).status in ("accepted", "ignored")


def test_the_secret_and_the_signature_are_not_stored():
    names = (*STORED_HEADERS, "X-Gitlab-Token", "webhook-signature")
    headers = {name.lower(): name for name in names}
    assert set(stored_headers(headers)) == set(STORED_HEADERS)
    assert stored_headers({"user-agent": "a\0" * 999})["User-Agent"] == "a" * 250
    assert json.dumps(stored_headers(headers))
