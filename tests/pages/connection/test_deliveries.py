"""The deliveries of an org: found, read and replayed."""

import json
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.deliveries.models import GitLabWebhookDelivery
from gitlab_links.extensions import db
from gitlab_links.integrations.webhook_secrets import hash_webhook_secret
from gitlab_links.pages.connection.delivery_body import MAX_SHOWN, body_view
from tests.factories import Factory
from tests.gitlab import bodies
from tests.pages.conftest import As
from tests.pages.markup import Markup, text_of
from tests.statements import statements

BODY = {
    "object_kind": "issue",
    "object_attributes": {"title": "<script>alert(1)</script>"},
    "changes": {
        "title": {"previous": "Old", "current": "New"},
        "labels": {"previous": [], "current": [{"title": "bug"}, {"title": "p::1"}]},
        "odd": "not a change",
    },
}


@pytest.fixture
def path(base: str) -> str:
    return f"{base}/deliveries"


@pytest.fixture
def three(factory: Factory, org: Org) -> None:
    for number, status in enumerate(("processed", "failed", "ignored"), start=1):
        factory.delivery(
            org,
            status=status,
            event="Issue Hook" if number < 3 else "Push Hook",
            project_path=f"acme/p{number}",
            gitlab_type="issue",
            gitlab_iid=number,
        )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["acme/p3#3", "acme/p2#2", "acme/p1#1"]),
        ({"status": "failed"}, ["acme/p2#2"]),
        ({"event": "Issue Hook"}, ["acme/p2#2", "acme/p1#1"]),
        ({"project": " acme/p1 "}, ["acme/p1#1"]),
        ({"status": "x", "event": "y", "after": " "}, ["acme/p3#3", "acme/p2#2", "acme/p1#1"]),
        ({"project": "nothing\0"}, ["acme/p3#3", "acme/p2#2", "acme/p1#1"]),
        ({"project": "nothing"}, []),
    ],
)
def test_filters(
    acting: As, three: None, path: str, query: dict[str, str], found: list[str]
) -> None:
    page = Markup.of(acting(Role.PM).get(path, query_string=query or None))
    assert [e.text for e in page.all("span", class_="mono")] == found


@pytest.mark.parametrize("name", ["id", "request_id", "event_uuid", "webhook_uuid"])
def test_one_is_found_by_any_of_its_ids(
    app: Flask, acting: As, three: None, factory: Factory, org: Org, path: str, name: str
) -> None:
    secret = "the secret of the hook"
    with app.app_context():
        factory.integration(org, webhook_secret_hash=hash_webhook_secret(org.id, secret))
    for number in (8, 9):
        headers = {
            "X-Gitlab-Token": secret,
            "X-Gitlab-Event": "Issue Hook",
            "X-Request-ID": f"request-{number}",
            "X-Gitlab-Event-UUID": f"event-{number}",
            "X-Gitlab-Webhook-UUID": f"webhook-{number}",
        }
        sent = app.test_client().post(
            f"/api/orgs/{org.id}/integrations/gitlab/webhook",
            data=bodies.sent(bodies.issue(attributes={"iid": number})),
            content_type="application/json",
            headers=headers,
        )
        assert sent.status_code == 202
    with app.app_context():
        found = db.session.scalars(select(GitLabWebhookDelivery).filter_by(gitlab_iid=9)).one()
        wanted = str(getattr(found, name))
    shown = Markup.of(acting(Role.PM).get(path, query_string={"id": f" {wanted} "}))
    assert [e.text.rpartition("#")[2] for e in shown.all("span", class_="mono")] == ["9"]
    assert shown.one("input", name="id")["value"] == wanted
    elsewhere = acting(Role.PM, where=(other := factory.org()))
    assert "#9" not in text_of(elsewhere.get(f"/orgs/{other.id}/deliveries?id={wanted}"))


def test_long_lists_come_in_parts(acting: As, factory: Factory, org: Org, path: str) -> None:
    for number in range(1, 53):
        factory.delivery(org, project_path="acme/p", gitlab_type="issue", gitlab_iid=number)
    admin = acting(Role.ADMIN)
    page = Markup.of(admin.get(f"{path}?project=acme/p"))
    assert len(page.all("tr")) == 51
    older = Markup.of(admin.get(page.one("a", rel="next")["href"]))
    assert [e.text for e in older.all("span", class_="mono")] == ["acme/p#2", "acme/p#1"]
    assert "Newest" in older.one("main").text


def test_an_empty_list_leads_to_the_set_up(acting: As, path: str) -> None:
    assert "Set it up on the GitLab page" in text_of(acting(Role.ADMIN).get(path))


def test_a_delivery_shows_what_came_and_what_became_of_it(
    acting: As, factory: Factory, org: Org, path: str
) -> None:
    found = factory.delivery(
        org, event="Issue Hook", error_code="http_502", attempts=8,
        headers={"X-Gitlab-Event": "Issue Hook"}, payload=json.dumps(BODY).encode(),
    )  # fmt: skip
    answer = acting(Role.ADMIN).get(f"{path}/{found.id}")
    text = text_of(answer)
    for said in ("Failed", "a server error (502)", "X-Gitlab-Event", "http_502",
                 '"object_kind": "issue"', "titleOldNew", "labelsnothingbug, p::1"):  # fmt: skip
        assert said in text, said
    assert "<script>alert" not in answer.text


def test_a_body_that_is_gone_is_said_to_be(
    acting: As, factory: Factory, org: Org, path: str
) -> None:
    for received, said in (
        (utcnow() - timedelta(days=8), "The body was deleted"),
        (utcnow(), "The body was not stored, because the org had reached its daily limit"),
    ):
        found = factory.delivery(org, payload=None, received_at=received)
        page = acting(Role.ADMIN).get(f"{path}/{found.id}")
        assert said in text_of(page)
        assert "Replay" not in text_of(page)


def test_replay_puts_it_in_line_again(
    app: Flask, acting: As, factory: Factory, org: Org, path: str
) -> None:
    found = factory.delivery(org, attempts=8)
    admin = acting(Role.ADMIN)
    answer = admin.post(f"{path}/{found.id}/replay")
    text = text_of(admin.get(answer.headers["Location"]))
    assert "queued again" in text
    assert "Waiting" in text
    with app.app_context():
        row = db.session.scalars(select(GitLabWebhookDelivery)).one()
    assert (row.status, row.attempts) == ("received", 0)
    answer = admin.post(f"{path}/{found.id}/replay")
    assert "not done yet" in text_of(admin.get(answer.headers["Location"]))


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xff\xfe", b"[" * 100_000, b"[1]", b'"x"', b'{"changes": [1]}',
     b'{"changes": {"a": 1}}', b"x" * 2_000_000,
     b'{"changes": {"a": {"previous": {"x": [1]}, "current": 1e400}}}'],
    ids=range(9),
)  # fmt: skip
def test_any_body_can_be_shown(payload: bytes) -> None:
    view = body_view(payload)
    assert view.text is not None
    assert len(view.text) <= MAX_SHOWN
    json.dumps(view.text.encode("utf-8").decode())


def test_changes_are_bounded() -> None:
    many: dict[str, Any] = {str(n): {"previous": "x" * 999, "current": None} for n in range(99)}
    view = body_view(json.dumps({"changes": many}).encode())
    assert len(view.changes) == 30
    assert len(view.changes[0].before) == 200
    assert view.changes[0].after == "nothing"


def test_an_open_list_follows_and_costs_four_statements_while_nothing_changes(
    app: Flask, factory: Factory, org: Org, acting: As, path: str
) -> None:
    first, admin = factory.delivery(org, status="received"), acting(Role.ADMIN)
    factory.integration(org, token_ciphertext="something")
    known = {"X-Fragment": "deliveries"}
    for _ in range(2):
        known["If-None-Match"] = admin.get(path, headers=known).headers["ETag"]
        with statements(app) as sent:
            assert admin.get(path, headers=known).status_code == 304
        assert len(sent) <= 4, sent
        for _ in range(20):
            factory.delivery(org)
    with app.app_context():
        db.session.get_one(GitLabWebhookDelivery, first.id).status = "processed"
        db.session.commit()
    rows = [one.get("id") for one in Markup.of(admin.get(path, headers=known)).all("tr")]
    assert len(rows) == 1 + 41
    assert rows[-1] == f"delivery-{first.id}"
