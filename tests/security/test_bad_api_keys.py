"""Credentials that are none: one answer for all of them, whatever is wrong."""

from datetime import timedelta
from http import HTTPMethod

import pytest
from flask import Flask

from gitlab_links.accounts.api_keys import keys_page, revoke_key
from gitlab_links.accounts.members import remove_member
from gitlab_links.accounts.roles import Role, Scope
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from tests.api.callers import browser
from tests.security.conftest import World, refusal

SHAPED = "glk_" + "A" * 43

MALFORMED = [
    "",
    " ",
    "Bearer",
    "Bearer ",
    "bearer",
    f"Bearer {SHAPED}",
    f"BEARER {SHAPED}",
    f"Bearer {SHAPED}x",
    f"Bearer {SHAPED[:-1]}",
    f"Bearer {SHAPED} {SHAPED}",
    f"Bearer {SHAPED}, Bearer {SHAPED}",
    f"Bearer\t{SHAPED}",
    f"Bearer:{SHAPED}",
    f"Token {SHAPED}",
    f"Basic {SHAPED}",
    "Basic YWRtaW46YWRtaW4=",
    "Basic",
    "Digest username=admin",
    SHAPED,
    "Bearer null",
    "Bearer undefined",
    "Bearer glk_",
    "Bearer GLK_" + "A" * 43,
    "Bearer glk_" + "ä" * 43,
    "Bearer glk_" + "%41" * 43,
    "Bearer ' OR 1=1 --",
    "Bearer glk_*",
    "Bearer " + "A" * 8000,
    "Bearer eyJhbGciOiJub25lIn0.e30.",
]


@pytest.mark.parametrize("value", MALFORMED, ids=[f"{value!a:.40}" for value in MALFORMED])
def test_a_header_that_is_no_key_gets_the_one_answer(standing: World, value: str) -> None:
    answers = [
        standing.client().get(standing.api, headers={"Authorization": value.encode("utf-8")}),
        standing.client().get(standing.api, headers={"Authorization": f"Bearer {SHAPED}"}),
        standing.client().get(standing.api),
    ]

    assert {refusal(answer) for answer in answers} == {(401, "unauthorized")}
    assert len({answer.get_data() for answer in answers}) == 1
    assert {answer.headers["WWW-Authenticate"] for answer in answers} == {"Bearer"}


@pytest.mark.parametrize(
    "method", [one.value for one in HTTPMethod if one not in ("TRACE", "CONNECT")]
)
def test_a_bad_header_never_falls_back_to_the_session(
    app: Flask, world: World, method: str
) -> None:
    admin = browser(app, world.user.id)
    assert admin.get(world.api).status_code == 200

    answer = admin.call(method, f"{world.api}/tasks", headers={"Authorization": "Basic eDp5"})
    assert answer.status_code == (405 if method in ("PUT", "DELETE", "PATCH") else 401)


def test_unknown_revoked_expired_and_leavers_keys_read_alike(world: World) -> None:
    owner = world.factory.user()
    member = world.factory.membership(world.org, Role.ADMIN, owner)
    leavers = world.factory.api_key(world.org, user=owner)
    expired = world.factory.api_key(
        world.org, user=world.user, expires_at=utcnow() + timedelta(seconds=-1)
    )
    revoked = world.factory.api_key(world.org, user=world.user)
    principal = world.factory.principal(world.org, Role.ADMIN)
    with world.app.app_context():
        newest = max(keys_page(world.org.id), key=lambda key: key.id)
        revoke_key(principal, newest.id)
        remove_member(principal, member.id)
        db.session.commit()

    answers = [world.send("GET", "tasks", key=key) for key in (leavers, expired, revoked, SHAPED)]

    assert {refusal(answer) for answer in answers} == {(401, "unauthorized")}
    assert len({answer.get_data() for answer in answers}) == 1
    assert world.send("GET", "tasks").status_code == 200


def test_a_key_in_the_query_or_the_body_is_no_credential(standing: World) -> None:
    for query in ("private_token", "access_token", "api_key", "token"):
        answer = standing.client().get(f"{standing.api}?{query}={standing.key}")
        assert refusal(answer) == (401, "unauthorized")
    for header in ("X-API-Key", "PRIVATE-TOKEN", "X-Auth-Token", "Cookie"):
        answer = standing.client().get(standing.api, headers={header: standing.key})
        assert refusal(answer) == (401, "unauthorized")


def test_a_key_opens_no_page(standing: World) -> None:
    for path in ("/", f"/orgs/{standing.org.id}/tasks", f"/orgs/{standing.org.id}/audit"):
        answer = standing.send("GET", path, headers={"Accept": "text/html"})
        assert refusal(answer) == (401, "unauthorized")
        assert answer.location is None


@pytest.mark.parametrize("scopes", [(Scope.READ,), (Scope.WRITE,), (Scope.ADMIN,)])
def test_a_missing_scope_is_told_by_its_own_code(world: World, scopes: tuple[Scope, ...]) -> None:
    key = world.factory.api_key(world.org, *scopes, user=world.user)
    wanted = {
        Scope.READ: ("GET", "tasks", {}),
        Scope.WRITE: ("POST", "tasks", {"json": {"title": "One"}}),
        Scope.ADMIN: ("GET", "deliveries", {}),
    }
    for scope, (method, path, options) in wanted.items():
        answer = world.send(method, path, key=key, **options)
        if scope in scopes:
            assert answer.status_code in (200, 201)
        else:
            assert refusal(answer) == (403, "insufficient_scope")


def test_a_key_is_refused_in_every_other_org(world: World) -> None:
    other = world.factory.org()
    world.factory.membership(other, Role.ADMIN, world.user)

    assert refusal(world.send("GET", f"/api/orgs/{other.id}")) == (404, "not_found")
