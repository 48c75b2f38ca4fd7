"""Thousands of broken webhook bodies: none fails, and none that was accepted is lost.

``--fuzzed-webhooks 10000`` is the full run.
"""

import json
import random
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from sqlalchemy import select

from gitlab_links.clock import utcnow
from gitlab_links.deliveries.claims import has_due
from gitlab_links.deliveries.models import GitLabWebhookDelivery
from gitlab_links.extensions import db
from gitlab_links.jobs.drains import drain_slice
from tests.security.conftest import World, refusal

pytestmark = pytest.mark.slow

PERSON = {"id": 1, "username": "dana", "name": "Dana"}
ISSUE = {"object_kind": "issue", "event_type": "issue", "user": PERSON, "project": {"id": 15,
    "path_with_namespace": "acme/app", "web_url": "https://gitlab.example.com/acme/app"},
    "object_attributes": {"id": 9, "iid": 1, "title": "Pump leaks", "state": "opened",
    "action": "update", "updated_at": "2026-05-28T05:58:40.456Z", "confidential": False,
    "due_date": "2026-06-01"}, "labels": [{"id": 1, "title": "bug", "color": "#ff0000"}],
    "assignees": [PERSON], "changes": {"title": {}}, }  # fmt: skip
MERGE_REQUEST = {**ISSUE, "object_kind": "merge_request"}
NOTE = {**ISSUE, "object_kind": "note", "object_attributes": {"noteable_type": "Issue", "id": 3},
        "issue": ISSUE["object_attributes"]}  # fmt: skip
PIPELINE = {
    **ISSUE,
    "object_kind": "pipeline",
    "merge_request": {"iid": 1, "target_project_id": 15},
}
SEEDS = [ISSUE, MERGE_REQUEST, NOTE, PIPELINE]
DEEP = json.loads("[" * 70 + "]" * 70)
VALUES: list[Any] = [
    *(None, True, 0, -1, 1.5, 2**63 - 1, 2**63, 10**90, 1e308, [], {}, [[]], [None], {"": {}}),
    *("", "\x00", "a\x00b", "\ud800", "\udfff\ud800", "x" * 5000, "\u202e", "1", "٣", "a/b"),
    *("2026-13-45T99:99:99Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "issue"),
    *("merge_request", "../../etc", "#zzz", ["\x00"], [{"title": None}], DEEP),
]
TOKENS = [
    *(b"1e400", b"-1e400", b"9" * 5000, b"NaN", b"Infinity", b'"\\ud800"', b'"\\u0000"', b"\xff"),
    *(b"\xed\xa0\x80", b"\xef\xbb\xbf", b"[" * 70, b'{"a":' * 70, b"\x00", b"]", b"}", b",", b'"'),
    *(b"\\", b"\n"),
]


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something could be put."""
    if at:
        yield at
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list) and len(at) < 8:
        items = enumerate(value)
    for key, inner in items:
        yield from paths(inner, (*at, key))


def with_odd_values(random_: random.Random) -> bytes:
    """An event in which some values are others."""
    body = json.loads(json.dumps(random_.choice(SEEDS)))
    for _ in range(random_.randint(1, 4)):
        *parents, last = random_.choice(list(paths(body)))
        target = body
        for key in parents:
            target = target[key]
        if random_.random() < 0.2 and isinstance(target, dict):
            target.pop(last)
        else:
            target[last] = deepcopy(random_.choice(VALUES))
    return json.dumps(body).encode()


def with_odd_bytes(random_: random.Random) -> bytes:
    """An event with bytes removed, changed or put in."""
    body = bytearray(json.dumps(random_.choice(SEEDS)).encode())
    for _ in range(random_.randint(1, 3)):
        place = random_.randrange(len(body))
        match random_.randrange(4):
            case 0:
                del body[place:]
            case 1:
                body[place] = random_.randrange(256)
            case 2:
                body[place:place] = random_.choice(TOKENS)
            case _:
                del body[place : place + random_.randint(1, 20)]
        if not body:
            return b""
    return bytes(body)


def anything(random_: random.Random) -> bytes:
    """Bytes, or hostile tokens one after another."""
    if random_.random() < 0.5:
        return random_.randbytes(random_.randint(0, 300))
    return b"".join(random_.choices(TOKENS, k=random_.randint(1, 12)))


MAKERS = (with_odd_values, with_odd_values, with_odd_bytes, anything)


def test_no_body_fails_and_none_that_was_accepted_is_lost(
    standing: World, request: pytest.FixtureRequest
) -> None:
    random_ = random.Random(20_261_123)
    project = standing.factory.gitlab_project(standing.org, gitlab_id=15, path="acme/app")
    for kind in ("issue", "merge_request"):
        item = standing.factory.gitlab_item(project, type=kind, iid=1)
        standing.factory.link(standing.factory.task(standing.org), item)
    answers: Counter[str] = Counter()
    stored = {}
    for _ in range(request.config.getoption("--fuzzed-webhooks")):
        body = random_.choice(MAKERS)(random_)
        answer = standing.deliver(body)
        if answer.status_code == 202:
            told = answer.get_json()
            answers[told["status"]] += 1
            stored[told["delivery_id"]] = told["status"]
        else:
            status, code = refusal(answer)
            assert (status, code) in {(400, "invalid_json"), (400, "json_too_deep")}, body
            answers[code] += 1
    assert {"accepted", "ignored", "invalid_json", "json_too_deep"} <= set(answers), answers
    assert _processed(standing) == {
        delivery: "processed" if status == "accepted" else "ignored"
        for delivery, status in stored.items()
    }


def _processed(world: World) -> dict[str, str]:
    with world.app.app_context():
        while has_due(world.org.id, utcnow()):
            drain_slice(world.org.id)
        rows = db.session.execute(select(GitLabWebhookDelivery.id, GitLabWebhookDelivery.status))
        found = {str(row.id): str(row.status) for row in rows}
        db.session.rollback()
    return found
