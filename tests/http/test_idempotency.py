"""A request that is sent again under its key is done once."""

import os
import signal
import subprocess
import threading
import uuid
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from gitlab_links.accounts.answered_requests import KEPT
from gitlab_links.accounts.models import AnsweredRequest, ApiKey, Org
from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db
from gitlab_links.jobs import sweeps
from gitlab_links.local.services import python
from gitlab_links.local.supervisor import PROJECT
from gitlab_links.tasks.models import Task
from tests.api.callers import Caller, browser, program
from tests.factories import Factory
from tests.frozen_clock import FrozenClock
from tests.hanging import HANGS

pytestmark = pytest.mark.differs_by_database


def key(text: str = "one") -> dict[str, str]:
    return {"Idempotency-Key": text}


def count(app: Flask, model: Any) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_the_same_request_is_done_once_and_answered_alike(
    app: Flask, admin: Caller, base: str
) -> None:
    first, again = (
        admin.post(f"{base}/tasks", json={"title": "Ship"}, headers=key()) for _ in range(2)
    )
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.data == first.data
    for header in ("Location", "ETag", "Content-Type"):
        assert again.headers[header] == first.headers[header]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert count(app, Task) == 1


def test_another_key_is_another_request(app: Flask, admin: Caller, base: str) -> None:
    for text in ("one", "two"):
        admin.post(f"{base}/tasks", json={"title": "Ship"}, headers=key(text))
    assert count(app, Task) == 2


def test_a_key_belongs_to_its_sender(
    app: Flask, factory: Factory, admin: Caller, org: Org, base: str
) -> None:
    colleague = browser(app, factory.membership(org).user_id)
    for sender in (admin, program(app, factory.api_key(org)), colleague):
        answer = sender.post(f"{base}/tasks", json={"title": "Ship"}, headers=key())
        assert "Idempotency-Replayed" not in answer.headers
    assert count(app, Task) == 3


def test_a_key_that_came_with_another_request_is_refused(
    app: Flask, admin: Caller, base: str
) -> None:
    admin.post(f"{base}/tasks", json={"title": "Ship"}, headers=key())
    other = admin.post(f"{base}/tasks", json={"title": "Sail"}, headers=key())
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")
    elsewhere = admin.post(f"{base}/api-keys", json={"title": "Ship"}, headers=key())
    assert (elsewhere.status_code, elsewhere.json["code"]) == (422, "idempotency_key_reused")
    assert count(app, Task) == 1


@pytest.mark.parametrize("bad", ["", " ", "a b", "x" * 256, "ä"])
def test_a_key_has_the_form_of_one(app: Flask, admin: Caller, base: str, bad: str) -> None:
    answer = admin.post(f"{base}/tasks", json={"title": "Ship"}, headers=key(bad))
    assert (answer.status_code, list(answer.json["errors"])) == (422, ["Idempotency-Key"])
    assert count(app, Task) == 0


def test_a_refused_request_may_be_sent_again(app: Flask, admin: Caller, base: str) -> None:
    refused = admin.post(f"{base}/tasks", json={"title": ""}, headers=key())
    assert refused.status_code == 422
    assert admin.post(f"{base}/tasks", json={"title": "Ship"}, headers=key()).status_code == 201


def test_a_key_that_is_shown_once_is_shown_again_to_its_sender_and_kept_sealed(
    app: Flask, admin: Caller, base: str
) -> None:
    body = {"name": "CI", "scopes": ["read"]}
    headers = key("the-key")
    first, again = (admin.post(f"{base}/api-keys", json=body, headers=headers) for _ in range(2))
    assert again.json["secret"] == first.json["secret"]
    assert count(app, ApiKey) == 2  # the caller's own is one
    with app.app_context():
        kept = db.session.scalars(select(AnsweredRequest)).one()
        row = f"{kept.key_hash} {kept.fingerprint} {kept.answer}"
    assert first.json["secret"] not in row and "the-key" not in row


def test_of_several_at_once_one_is_done_and_all_are_answered(
    app: Flask, factory: Factory, org: Org, base: str
) -> None:
    secret = factory.api_key(org)
    together, answers = threading.Barrier(4), []

    def send() -> None:
        caller = program(app, secret)
        together.wait()
        answer = caller.post(f"{base}/tasks", json={"title": "Ship"}, headers=key())
        answers.append((answer.status_code, answer.data))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANGS)
    assert {status for status, _ in answers} <= {201, 409}
    assert len({body for status, body in answers if status == 201}) == 1
    assert count(app, Task) == 1


def test_after_a_day_the_key_is_new_and_what_was_kept_is_gone(
    app: Flask, admin: Caller, base: str, clock: FrozenClock
) -> None:
    admin.post(f"{base}/tasks", json={"title": "Ship"}, headers=key())
    clock.advance(KEPT.total_seconds() + 1)
    answer = admin.post(f"{base}/tasks", json={"title": "Sail"}, headers=key())
    assert answer.status_code == 201
    clock.advance(KEPT.total_seconds() + 1)
    with app.app_context():
        sweeps.clean()
    assert count(app, AnsweredRequest) == 0


def test_links_and_members_take_a_key_too(
    app: Flask, factory: Factory, admin: Caller, org: Org, base: str
) -> None:
    factory.integration(org)
    task = admin.post(f"{base}/tasks", json={"title": "Ship"}).headers["Location"]
    url = "https://gitlab.example.com/acme/app/-/issues/1"
    for path, body in (
        (f"{task}/gitlab-links", {"url": url}),
        (f"{base}/members", {"email": "sam@example.com", "role": Role.MEMBER.value}),
    ):
        name = str(uuid.uuid4())
        first, again = (admin.post(path, json=body, headers=key(name)) for _ in range(2))
        assert (path, again.status_code, again.data) == (path, first.status_code, first.data)
        assert first.status_code == 201


@pytest.mark.processes
@pytest.mark.parametrize(
    ("moment", "done"),
    [
        ("before the answer is kept", False),
        ("before the commit", False),
        ("after the commit", True),
    ],
)
def test_a_process_that_is_killed_leaves_both_what_it_did_and_its_answer_or_neither(
    app: Flask,
    factory: Factory,
    org: Org,
    base: str,
    environment: dict[str, str],
    moment: str,
    done: bool,
) -> None:
    secret = factory.api_key(org)
    command = python("-m", "tests.http.dying_request", moment, f"{base}/tasks")
    variables = {**os.environ, **environment, "API_KEY": secret, "IDEMPOTENCY_KEY": "one"}
    died = subprocess.run(command, env=variables, cwd=PROJECT, timeout=60, check=False)
    assert died.returncode == -signal.SIGKILL
    assert (count(app, Task), count(app, AnsweredRequest)) == ((1, 1) if done else (0, 0))
    again = program(app, secret).post(f"{base}/tasks", json={"title": "Ship"}, headers=key())
    assert again.status_code == 201
    assert ("Idempotency-Replayed" in again.headers) == done
    assert count(app, Task) == 1
