"""Service accounts: programs whose keys do not end with a person."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from gitlab_links.accounts.members import remove_member
from gitlab_links.accounts.models import Membership, Org, User
from gitlab_links.accounts.roles import Role, Scope
from gitlab_links.accounts.service_accounts import NOWHERE
from gitlab_links.accounts.sessions import LoginFailed, log_in
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from tests.api.callers import Caller, browser, program
from tests.factories import Factory


def account_of(admin: Caller, base: str, role: str = "member") -> dict[str, Any]:
    made = admin.post(f"{base}/service-accounts", json={"name": "Deployment", "role": role})
    assert made.status_code == 201, made.json
    found: dict[str, Any] = made.json["service_account"]
    return found


def key_of(admin: Caller, base: str, account: dict[str, Any], **new: Any) -> dict[str, Any]:
    body = {"name": "CI", "scopes": ["read", "write"], **new}
    made = admin.post(f"{base}/service-accounts/{account['id']}/api-keys", json=body)
    assert made.status_code == 201, made.json
    found: dict[str, Any] = made.json
    return found


def test_its_key_works_on_when_the_admin_has_left_and_the_log_names_it(
    app: Flask, factory: Factory, org: Org, base: str
) -> None:
    factory.membership(org, Role.ADMIN)
    leaving = factory.membership(org, Role.ADMIN)
    admin = browser(app, leaving.user_id)
    account = account_of(admin, base)
    bot = program(app, key_of(admin, base, account)["secret"])
    with app.app_context():
        remove_member(factory.principal(org, Role.ADMIN), leaving.id)
        db.session.commit()
    assert bot.post(f"{base}/tasks", json={"title": "By a program"}).status_code == 201
    page = browser(app, factory.membership(org, Role.ADMIN).user_id).get(f"/orgs/{org.id}/audit")
    assert "Deployment" in page.text
    me = bot.get("/api/me").json["me"]
    assert (me["user"]["name"], me["api_key"]["role"]) == ("Deployment", "member")


def test_it_is_no_member_and_no_last_admin(
    app: Flask, factory: Factory, org: Org, base: str
) -> None:
    membership = factory.membership(org, Role.ADMIN)
    admin = browser(app, membership.user_id)
    account = account_of(admin, base, "admin")
    assert len(admin.get(f"{base}/members").json["members"]) == 1
    with app.app_context():
        own = db.session.scalars(select(Membership).filter_by(org_id=org.id)).all()
        ids = [one.id for one in own if str(one.user_id) == account["id"]]
    assert admin.delete(f"{base}/members/{ids[0]}").status_code == 404
    assert admin.post(f"{base}/leave").json["code"] == "last_admin"
    assert account["name"] not in admin.get(f"/orgs/{org.id}/members").text


def test_nobody_can_log_in_as_it(app: Flask, factory: Factory, org: Org) -> None:
    account = factory.service_account(org, Role.ADMIN)
    with app.app_context():
        user = db.session.get_one(User, account.id)
        assert user.email.endswith(NOWHERE)
        for password in ("", "x" * 20):
            with pytest.raises(LoginFailed):
                log_in(user.email, password, "203.0.113.1")


def test_its_role_and_its_end_reach_its_keys_at_once(
    app: Flask, factory: Factory, org: Org, base: str
) -> None:
    admin = browser(app, factory.membership(org, Role.ADMIN).user_id)
    account = account_of(admin, base)
    path = f"{base}/service-accounts/{account['id']}"
    made = key_of(admin, base, account)
    bot = program(app, made["secret"])
    changed = admin.patch(path, json={"role": "client", "name": "Reader"})
    assert changed.json["service_account"]["role"] == "client"
    assert bot.post(f"{base}/tasks", json={"title": "No"}).status_code == 403
    renewed = admin.post(f"{base}/api-keys/{made['api_key']['id']}/rotate").json["secret"]
    assert bot.get(f"{base}/tasks").status_code == 401
    bot = program(app, renewed)
    assert bot.get(f"{base}/tasks").status_code == 200
    assert admin.delete(path).status_code == 204
    assert bot.get(f"{base}/tasks").status_code == 401
    assert admin.get(f"{base}/service-accounts").json["service_accounts"] == []


def test_a_key_gives_no_more_than_it_has_and_takes_its_keys_along(
    app: Flask, factory: Factory, org: Org, base: str
) -> None:
    limited = program(app, factory.api_key(org, Scope.ADMIN, Scope.READ))
    new = {"name": "Bot", "role": "member"}
    assert limited.post(f"{base}/service-accounts", json=new).json["code"] == "insufficient_scope"
    secret = factory.api_key(org, expires_at=utcnow() + timedelta(days=2))
    maker = program(app, secret)
    new_admin = {"name": "Bot", "role": "admin"}
    refused = maker.post(f"{base}/service-accounts", json=new_admin).json
    assert refused["code"] == "admin_by_key"
    assert "the page Service accounts" in refused["detail"]
    account = account_of(maker, base)
    made = key_of(maker, base, account, expires_in_days=None)
    assert made["api_key"]["expires_at"] is not None
    own = maker.get("/api/me").json["me"]["api_key"]["id"]
    admin = browser(app, factory.membership(org, Role.ADMIN).user_id)
    assert admin.delete(f"{base}/api-keys/{own}").status_code == 204
    assert program(app, made["secret"]).get(f"{base}/tasks").status_code == 401


def test_keys_expire_after_90_days_unless_chosen_otherwise(admin: Caller, base: str) -> None:
    def expiry(**chosen: Any) -> str | None:
        new = {"name": "CI", "scopes": ["read"], **chosen}
        found: str | None = admin.post(f"{base}/api-keys", json=new).json["api_key"]["expires_at"]
        return found

    day = f"{utcnow() + timedelta(days=90):%Y-%m-%d}"
    assert str(expiry()).startswith(day)
    assert expiry(expires_in_days=None) is None


def test_an_account_of_another_org_is_unknown(
    app: Flask, factory: Factory, org: Org, base: str
) -> None:
    other = factory.service_account(factory.org())
    person = factory.membership(org, Role.MEMBER).user_id
    admin = browser(app, factory.membership(org, Role.ADMIN).user_id)
    for stranger in (other.id, person):
        path = f"{base}/service-accounts/{stranger}"
        assert admin.get(path).status_code == 404
        assert admin.delete(path).status_code == 404
        body = {"name": "CI", "scopes": ["read"]}
        assert admin.post(f"{path}/api-keys", json=body).status_code == 404
