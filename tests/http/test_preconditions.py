"""If-Match: no change overwrites what its author has not seen."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.integrations.changes import find_integration
from gitlab_links.sync.pausing import note_success
from tests.api.callers import Caller, program
from tests.factories import Factory
from tests.hanging import HANGS


def make_task(admin: Caller, base: str) -> tuple[str, str]:
    made = admin.post(f"{base}/tasks", json={"title": "First"})
    return made.headers["Location"], made.headers["ETag"]


def test_a_change_of_what_was_changed_meanwhile_is_refused(admin: Caller, base: str) -> None:
    task, etag = make_task(admin, base)
    assert admin.get(task).headers["ETag"] == etag
    first = admin.patch(task, json={"title": "Second"}, headers={"If-Match": etag})
    assert first.status_code == 200
    late = admin.patch(task, json={"title": "Third"}, headers={"If-Match": etag})
    assert (late.status_code, late.json["code"]) == (412, "precondition_failed")
    assert late.headers["ETag"] == first.headers["ETag"] == admin.get(task).headers["ETag"]
    assert admin.get(task).json["task"]["title"] == "Second"
    etag = first.headers["ETag"]
    assert admin.patch(task, json={"title": "Third"}, headers={"If-Match": etag}).status_code == 200


def test_a_reading_of_what_was_changed_meanwhile_is_refused_alike(admin: Caller, base: str) -> None:
    task, etag = make_task(admin, base)
    assert admin.get(task, headers={"If-Match": etag}).json["task"]["title"] == "First"
    both = {"If-Match": etag, "If-None-Match": etag}
    assert admin.get(task, headers=both).status_code == 304
    changed = admin.patch(task, json={"title": "Second"}).headers["ETag"]
    for method in ("GET", "HEAD"):
        late = admin.call(method, task, headers={"If-Match": etag, "If-None-Match": changed})
        assert (late.status_code, late.headers["ETag"]) == (412, changed)
        assert late.content_type == "application/problem+json"
        assert "X-Request-ID" in late.headers
    late = admin.get(task, headers={"If-Match": etag})
    assert (late.json["code"], late.json["status"]) == ("precondition_failed", 412)
    assert "Second" not in late.text
    assert admin.get(f"{task}0", headers={"If-Match": etag}).status_code == 404


def test_so_is_the_deletion(admin: Caller, base: str) -> None:
    task, etag = make_task(admin, base)
    admin.patch(task, json={"status": "done"})
    assert admin.delete(task, headers={"If-Match": etag}).status_code == 412
    etag = admin.get(task).headers["ETag"]
    assert admin.delete(task, headers={"If-Match": etag}).status_code == 204
    assert admin.delete(task, headers={"If-Match": etag}).status_code == 404


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ("*", 200),
        ('"a", {}', 200),
        ("W/{}", 200),
        ('W/"a"', 412),
        ('"a"', 412),
        ("nonsense", 412),
        ("", 412),
        ('"', 412),
        ('""', 412),
    ],
)
def test_if_match_is_read_as_http_has_it(
    admin: Caller, base: str, wanted: str, status: int
) -> None:
    """But for weak tags: nginx makes ours weak where it compresses the answer."""
    task, etag = make_task(admin, base)
    answer = admin.patch(task, json={"title": "x"}, headers={"If-Match": wanted.format(etag)})
    assert answer.status_code == status


@pytest.mark.parametrize("wanted", ["*", "{}", '"a"', ""])
def test_if_none_match_is_refused_by_every_change(admin: Caller, base: str, wanted: str) -> None:
    """Who sends it with a DELETE relies on a comparison."""
    task, etag = make_task(admin, base)
    header = {"If-None-Match": wanted.format(etag)}
    for headers in (header, header | {"If-Match": etag}):
        for method, path, body in (
            ("DELETE", task, None),
            ("PATCH", task, {"title": "Second"}),
            ("POST", f"{base}/tasks", {"title": "Another"}),
        ):
            refused = admin.call(method, path, json=body, headers=headers)
            assert refused.status_code == 422
            assert list(refused.json["errors"]) == ["If-None-Match"]
    assert admin.get(task).headers["ETag"] == etag


Change = Callable[[Caller, str], Any]


@pytest.mark.parametrize(
    ("path", "one", "other"),
    [
        ("", {"name": "One"}, {"name": "Other"}),
        ("/integrations/gitlab", {"token": "glpat-one"}, {"signing_token": ""}),
        (
            "/integrations/gitlab/policy",
            {"token_auto_rotate": True},
            {"confidential_roles": ["admin", "pm", "member"]},
        ),
    ],
)
def test_settings_are_guarded_alike(
    factory: Factory, admin: Caller, org: Org, base: str, path: str, one: Any, other: Any
) -> None:
    factory.integration(org)
    etag = admin.get(base + path).headers["ETag"]
    changed = admin.patch(base + path, json=one, headers={"If-Match": etag})
    assert changed.status_code == 200
    assert admin.patch(base + path, json=other, headers={"If-Match": etag}).status_code == 412
    etag = changed.headers["ETag"]
    assert admin.patch(base + path, json=other, headers={"If-Match": etag}).status_code == 200


def test_members_are_guarded_alike(factory: Factory, admin: Caller, org: Org, base: str) -> None:
    member = f"{base}/members/{factory.membership(org, Role.MEMBER).id}"
    etag = admin.get(member).headers["ETag"]
    admin.patch(member, json={"role": "pm"})
    assert admin.delete(member, headers={"If-Match": etag}).status_code == 412


def test_what_gitlab_says_meanwhile_is_no_change_of_the_settings(
    app: Flask, factory: Factory, admin: Caller, org: Org, base: str
) -> None:
    factory.integration(org)
    path = f"{base}/integrations/gitlab"
    etag = admin.get(path).headers["ETag"]
    with app.app_context():
        integration = find_integration(org.id)
        assert integration is not None
        note_success(integration, utcnow())
        db.session.commit()
    assert admin.get(path, headers={"If-None-Match": etag}).status_code == 200
    answer = admin.patch(path, json={"token": "glpat-new"}, headers={"If-Match": etag})
    assert answer.status_code == 200


def test_of_several_changes_at_once_one_is_made(app: Flask, factory: Factory, org: Org) -> None:
    secret = factory.api_key(org)
    task, etag = make_task(program(app, secret), f"/api/orgs/{org.id}")
    together, statuses = threading.Barrier(4), []

    def change(title: str) -> None:
        caller = program(app, secret)
        together.wait()
        answer = caller.patch(task, json={"title": title}, headers={"If-Match": etag})
        statuses.append(answer.status_code)

    threads = [threading.Thread(target=change, args=(f"Title {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANGS)
    assert sorted(statuses) == [200, 412, 412, 412]


def test_of_several_who_connect_an_org_first_at_once_one_does(
    app: Flask, factory: Factory, org: Org, base: str
) -> None:
    secret = factory.api_key(org)
    path = f"{base}/integrations/gitlab"
    etag = program(app, secret).get(path).headers["ETag"]
    together, statuses = threading.Barrier(4), []

    def connect(number: int) -> None:
        caller, body = program(app, secret), {"base_url": f"https://gitlab-{number}.example.com"}
        together.wait()
        answer = caller.patch(path, json=body, headers={"If-Match": etag})
        statuses.append(answer.status_code)

    threads = [threading.Thread(target=connect, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANGS)
    assert sorted(statuses) == [200, 412, 412, 412]
