"""No key obtains more than it has: neither for itself, nor by a person or another key."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role, Scope
from gitlab_links.clock import utcnow
from tests.api.callers import Caller, program
from tests.factories import Factory

ADMIN, WRITE, READ = Scope.ADMIN, Scope.WRITE, Scope.READ


@pytest.fixture
def org(factory: Factory) -> Org:
    return factory.org()


def calling(app: Flask, factory: Factory, org: Org, *scopes: Scope, **values: Any) -> Caller:
    return program(app, factory.api_key(org, *scopes, **values))


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("scopes", [(ADMIN,), (ADMIN, READ), (ADMIN, WRITE)])
def test_a_key_without_all_scopes_of_a_role_gives_it_to_nobody(
    app: Flask, factory: Factory, org: Org, scopes: tuple[Scope, ...], role: Role
) -> None:
    answer = calling(app, factory, org, *scopes).post(
        f"/api/orgs/{org.id}/members", json={"email": "eve@example.com", "role": role.value}
    )
    reads_alone = role is Role.CLIENT and READ in scopes
    assert answer.status_code == (201 if reads_alone else 403)
    if not reads_alone:
        assert answer.json["code"] == "insufficient_scope"
        assert "link" not in answer.json


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [
        (Role.CLIENT, Role.ADMIN, 403),
        (Role.CLIENT, Role.MEMBER, 403),
        (Role.MEMBER, Role.PM, 200),
        (Role.ADMIN, Role.CLIENT, 200),
    ],
)
def test_nor_does_it_lift_anybody_to_what_it_may_not_do(
    app: Flask, factory: Factory, org: Org, before: Role, after: Role, status: int
) -> None:
    member = factory.membership(org, before)
    answer = calling(app, factory, org, ADMIN).patch(
        f"/api/orgs/{org.id}/members/{member.id}", json={"role": after.value}
    )
    assert answer.status_code == status


@pytest.mark.parametrize("before", [None, Role.PM, Role.CLIENT])
def test_no_key_makes_an_admin_who_would_go_on_when_it_ends(
    app: Flask, factory: Factory, org: Org, before: Role | None
) -> None:
    key = calling(app, factory, org, expires_at=utcnow() + timedelta(hours=1))
    path = f"/api/orgs/{org.id}/members"
    if before is None:
        answer = key.post(path, json={"email": "eve@example.com", "role": "admin"})
    else:
        member = factory.membership(org, before)
        answer = key.patch(f"{path}/{member.id}", json={"role": "admin"})
    assert (answer.status_code, answer.json["code"]) == (403, "admin_by_key")
    roles = [one["role"] for one in key.get(path).json["members"]]
    assert roles == ["admin"] + ([] if before is None else [before.value])


def test_a_key_leaves_an_admin_one(app: Flask, factory: Factory, org: Org) -> None:
    member = factory.membership(org, Role.ADMIN)
    path = f"/api/orgs/{org.id}/members/{member.id}"
    assert calling(app, factory, org).patch(path, json={"role": "admin"}).status_code == 200


@pytest.mark.parametrize("days", [None, 1, 3650])
def test_a_key_made_with_a_key_ends_no_later(
    app: Flask, factory: Factory, org: Org, days: int | None
) -> None:
    ends = utcnow() + timedelta(hours=1)
    made = calling(app, factory, org, expires_at=ends).post(
        f"/api/orgs/{org.id}/api-keys",
        json={"name": "child", "scopes": ["admin"], "expires_in_days": days},
    )
    assert made.status_code == 201
    assert made.json["api_key"]["expires_at"] == ends.isoformat().replace("+00:00", "Z")


def test_keys_made_with_a_key_are_revoked_with_it(app: Flask, factory: Factory, org: Org) -> None:
    path = f"/api/orgs/{org.id}/api-keys"
    first = calling(app, factory, org)
    body = {"name": "child", "scopes": ["read", "admin"]}
    child = first.post(path, json=body).json
    second = program(app, child["secret"])
    grandchild = program(app, second.post(path, json=body).json["secret"])
    other = calling(app, factory, org)
    assert grandchild.get("/api/me").status_code == 200
    own = first.get("/api/me").json["me"]["api_key"]["id"]
    assert other.delete(f"{path}/{own}").status_code == 204
    statuses = [one.get("/api/me").status_code for one in (first, second, grandchild, other)]
    assert statuses == [401, 401, 401, 200]


def test_a_key_renews_itself_and_its_own_and_no_other(
    app: Flask, factory: Factory, org: Org
) -> None:
    path = f"/api/orgs/{org.id}/api-keys"
    user = factory.user()
    factory.membership(org, Role.ADMIN, user)
    longer = calling(app, factory, org, user=user)
    longer_id = longer.get("/api/me").json["me"]["api_key"]["id"]
    factory_key = factory.api_key(org, user=None, expires_at=utcnow() + timedelta(hours=1))
    stranger = program(app, factory_key)
    assert stranger.post(f"{path}/{longer_id}/rotate").status_code == 403
    child = longer.post(path, json={"name": "child", "scopes": ["admin"]}).json
    renewing = program(app, child["secret"])
    refused = renewing.post(f"{path}/{longer_id}/rotate")
    assert refused.status_code == 403
    assert longer.post(f"{path}/{child['api_key']['id']}/rotate").status_code == 200
    assert longer.post(f"{path}/{longer_id}/rotate").status_code == 200
