"""Webhook requests that are odd, broken or hostile: what is refused, and what is taken anyway."""

import json
from typing import Any

import pytest
from sqlalchemy import func, select

from gitlab_links.clock import utcnow
from gitlab_links.deliveries.claims import claim
from gitlab_links.deliveries.models import GitLabWebhookDelivery
from gitlab_links.deliveries.processing import process
from gitlab_links.extensions import db, settings
from tests.security.conftest import SECRET, World, refusal

MIB = 1024 * 1024


def issue(**attributes: Any) -> dict[str, Any]:
    """An event about an issue; ``attributes`` replace those of the issue."""
    known = {"id": 9, "iid": 1, "title": "Pump leaks", "state": "opened", "action": "update",
             "updated_at": "2026-05-28T05:58:40.456Z"}  # fmt: skip
    return {
        "object_kind": "issue",
        "project": {"id": 15, "path_with_namespace": "acme/app"},
        "object_attributes": {**known, **attributes},
    }


def taken(world: World, body: bytes, **headers: str) -> tuple[int, str]:
    response = world.deliver(body, **headers)
    assert response.status_code == 202, response.get_data(as_text=True)
    answer = response.get_json()
    assert answer.keys() == {"status", "delivery_id"}
    return 202, answer["status"]


NOT_JSON = [b"", b" ", b"{", b"nope", b"object_kind=issue", b"<xml/>", b"\xff\xfe{\x00}\x00",
    b'{"a": "\xff"}', b'{"a": "\xed\xa0\x80"}', b'{"a": NaN}', b'{"a": Infinity}', b"{} {}",
    b'{"a": 1,}', b"\x00", b'{"object_kind": "issue"', b"\x1f\x8b\x08\x00\x00", b"'{}'",
    b"payload={}", ]  # fmt: skip


@pytest.mark.parametrize("body", NOT_JSON, ids=[f"{body!a:.40}" for body in NOT_JSON])
def test_what_is_not_json_is_a_400(standing: World, body: bytes) -> None:
    assert refusal(standing.deliver(body)) == (400, "invalid_json")


DEEP = [b"[" * 65 + b"]" * 65, b"[" * 100_000, b'{"a":' * 100_000,
    b'{"object_attributes":' * 65 + b"1" + b"}" * 65, b"[" * 1_000_000 + b"]" * 1_000_000,
    b" [" * 90 + b"]" * 90]  # fmt: skip


@pytest.mark.parametrize("body", DEEP, ids=range(len(DEEP)))
def test_what_nests_deeper_than_64_is_a_400(standing: World, body: bytes) -> None:
    assert refusal(standing.deliver(body)) == (400, "json_too_deep")


def test_64_levels_are_taken(standing: World) -> None:
    assert taken(standing, b"[" * 64 + b"]" * 64) == (202, "ignored")


@pytest.mark.parametrize("kind", ["", "text/plain", "text/json",
    "application/x-www-form-urlencoded", "application/xml", "multipart/form-data; boundary=x",
    "application/jsonx", "*/*"])  # fmt: skip
def test_what_does_not_say_it_is_json_is_a_415(standing: World, kind: str) -> None:
    answer = standing.deliver(json.dumps(issue()).encode(), **{"Content-Type": kind})
    assert refusal(answer) == (415, "unsupported_media_type")


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8",
    "APPLICATION/JSON", "application/vnd.gitlab+json"])  # fmt: skip
def test_json_is_json_in_any_spelling(standing: World, kind: str) -> None:
    assert taken(standing, b"{}", **{"Content-Type": kind}) == (202, "ignored")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "TRACE", "BREW"])
def test_any_other_method_is_a_405(standing: World, method: str) -> None:
    answer = standing.client().open(
        standing.webhook, method=method, headers={"X-Gitlab-Token": SECRET}
    )
    assert refusal(answer) == (405, "method_not_allowed")
    assert "POST" in answer.headers["Allow"]


def test_25_mib_are_taken_and_no_byte_more(standing: World) -> None:
    body = b'{"a":"' + b"x" * (25 * MIB - 8) + b'"}'
    assert taken(standing, body) == (202, "ignored")
    assert refusal(standing.deliver(body + b" ")) == (413, "body_too_large")
    too_many = b"[" + b"0," * 12 * MIB + b"0]"
    assert refusal(standing.deliver(too_many)) == (413, "body_too_large")


NO_EVENTS = ["null", "true", "0", '"issue"', "[]", "[1, 2]", "{}", "1e400", "-0",
    '{"object_kind": null}', '{"object_kind": 1}', '{"object_kind": ["issue"]}',
    '{"object_kind": "push"}', '{"object_kind": "emoji"}', '{"object_kind": "ISSUE"}',
    '{"object_kind": "issue"}', '{"object_kind": "issue", "object_attributes": null}',
    '{"object_kind": "issue", "object_attributes": []}',
    '{"object_kind": "issue", "object_attributes": {"iid": 1}}',
    '{"object_kind": "issue", "project": "acme/app", "object_attributes": {"iid": 1}}',
    '{"object_kind": "note", "object_attributes": {"noteable_type": "Commit"}}',
    '{"object_kind": "pipeline", "merge_request": null}', '{"event_name": "project_rename"}',
]  # fmt: skip


@pytest.mark.parametrize("body", NO_EVENTS, ids=NO_EVENTS)
def test_json_that_is_no_event_of_ours_is_ignored(standing: World, body: str) -> None:
    assert taken(standing, body.encode()) == (202, "ignored")


@pytest.mark.parametrize(
    "iid", [0, -1, 2**63, 2**64, 10**90, 1.5, "0", "1_0", "+1", "١", "", None, True, [], {}]
)
def test_an_iid_that_is_none_is_ignored(standing: World, iid: object) -> None:
    """The origin answers ``duplicate`` to some of these."""
    assert taken(standing, json.dumps(issue(iid=iid)).encode()) == (202, "ignored")


ODD = {
    "NUL": issue(title="a\x00b"),
    "lone surrogate": issue(title="a\ud800b"),
    "surrogate in a key": {**issue(), "a\udfffb": 1},
    "largest iid": issue(iid=2**63 - 1),
    "over-long title": issue(title="x" * 1_000_000),
    "controls": issue(title="\x1b[2J\r\n\u202e"),
    "numbers for text": issue(title=1, state=2, description=[]),
    "lists for objects": {**issue(), "labels": {}, "assignees": "x", "changes": []},
    "times that are none": issue(updated_at="yesterday", created_at=12, closed_at={}),
    "a time of year 1": issue(updated_at="0001-01-01T00:00:00Z"),
    "a time of year 9999": issue(updated_at="9999-12-31T23:59:59+14:00"),
    "ten thousand labels": {**issue(), "labels": [{"title": "x" * 300}] * 10_000},
    "a long path": {**issue(), "project": {"id": 15, "path_with_namespace": "a/" + "b" * 100_000}},
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_event_is_accepted_and_processed(standing: World, name: str) -> None:
    assert taken(standing, json.dumps(ODD[name]).encode()) == (202, "accepted")
    with standing.app.app_context():
        claimed = claim(standing.org.id, utcnow())
        process(standing.org.id, claimed, now=utcnow(), ttl=settings().metadata_ttl)
        db.session.commit()
        (delivery,) = claimed
        assert db.session.get_one(GitLabWebhookDelivery, delivery.id).status == "processed"


HEADERS = {
    "long event": {"X-Gitlab-Event": "x" * 5000},
    "odd event": {"X-Gitlab-Event": "\xff\x80"},
    "long uuid": {"X-Gitlab-Event-UUID": "x" * 5000},
    "empty key": {"Idempotency-Key": ""},
    "odd key": {"Idempotency-Key": "\x80\xff"},
    "odd id": {"webhook-id": "ä" * 300},
    "odd time": {"webhook-timestamp": "9" * 400},
    "a signature nobody asked for": {"webhook-signature": "v1,xxx"},
    "odd instance": {"X-Gitlab-Instance": "javascript:alert(1)"},
    "a cookie": {"Cookie": "session=x"},
    "a bad key": {"Authorization": "Bearer nonsense"},
    "an origin": {"Origin": "https://evil.example"},
    "a long agent": {"User-Agent": "x" * 7000},
}


@pytest.mark.parametrize("name", HEADERS)
def test_odd_headers_are_taken(standing: World, name: str) -> None:
    body = json.dumps(issue(title=name)).encode()
    assert taken(standing, body, **HEADERS[name]) == (202, "accepted")


def test_a_query_in_the_address_is_no_reason_to_lose_an_event(standing: World) -> None:
    answer = standing.client().post(
        f"{standing.webhook}?from=gitlab&from=again", json={}, headers={"X-Gitlab-Token": SECRET}
    )
    assert answer.status_code == 202


@pytest.mark.parametrize("header", ["webhook-id", "Idempotency-Key"])
@pytest.mark.parametrize("key", ["a" * 64, "a" * 5000, "ä", "\x80"])
def test_the_same_key_is_a_duplicate_and_another_is_not(
    world: World, header: str, key: str
) -> None:
    first = world.deliver(json.dumps(issue()).encode(), **{header: key}).get_json()
    again = world.deliver(json.dumps(issue(title="Other")).encode(), **{header: key}).get_json()
    other = world.deliver(json.dumps(issue()).encode(), **{header: key + "x"}).get_json()

    assert (first["status"], again["status"], other["status"]) == (
        "accepted",
        "duplicate",
        "accepted",
    )
    assert again["delivery_id"] == first["delivery_id"]
    with world.app.app_context():
        count = db.session.scalar(select(func.count()).select_from(GitLabWebhookDelivery))
    assert count == 2
