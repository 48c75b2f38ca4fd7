"""Orgs, members, API keys, deliveries and the audit trail over the API."""

import pytest
from flask import Flask

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role, Scope
from gitlab_links.deliveries.models import DeliveryStatus, GitLabWebhookDelivery
from tests.api.callers import Caller, program
from tests.factories import Factory


def test_who_is_calling(app: Flask, factory: Factory, org: Org) -> None:
    me = program(app, factory.api_key(org, Scope.READ, role=Role.PM)).get("/api/me").json["me"]
    assert me["api_key"]["role"] == "pm"
    assert (me["api_key"]["scopes"], me["api_key"]["org_id"]) == (["read"], str(org.id))


def test_a_person_is_invited_again_and_no_more(admin: Caller, base: str) -> None:
    new = {"email": "Sam@Example.com", "name": "Sam", "role": "client"}
    made = admin.post(f"{base}/members", json=new)
    assert made.status_code == 201
    invitation, where = made.json["invitation"], made.headers["Location"]
    assert (invitation["email"], invitation["role"]) == ("sam@example.com", "client")
    assert admin.get(where).json == {"invitation": invitation}
    assert admin.get(f"{base}/invitations").json["invitations"] == [invitation]
    again = admin.post(f"{base}/members", json=new)
    assert (again.status_code, again.json["code"]) == (409, "already_invited")
    resent = admin.post(f"{where}/resend")
    assert (resent.status_code, resent.json["link"] != made.json["link"]) == (200, True)
    assert (admin.delete(where).status_code, admin.get(where).status_code) == (204, 404)
    actions = [one["action"] for one in admin.get(f"{base}/audit-events").json["events"]]
    assert actions == ["invitation.revoked", "invitation.resent", "invitation.created"]


def test_a_member_rises_and_goes(admin: Caller, factory: Factory, org: Org, base: str) -> None:
    user = factory.user(email="sam@example.com")
    where = f"{base}/members/{factory.membership(org, Role.CLIENT, user).id}"
    new = {"email": "Sam@Example.com", "role": "client"}
    again = admin.post(f"{base}/members", json=new)
    assert (again.status_code, again.json["code"]) == (409, "member_exists")
    assert admin.patch(where, json={"role": "pm"}).json["member"]["role"] == "pm"
    assert len(admin.get(f"{base}/members").json["members"]) == 2
    assert (admin.delete(where).status_code, admin.get(where).status_code) == (204, 404)
    assert admin.post(f"{base}/members", json=new).status_code == 201


def test_the_last_admin_stays(admin: Caller, base: str) -> None:
    (only,) = admin.get(f"{base}/members").json["members"]
    path = f"{base}/members/{only['id']}"
    for answer in (admin.delete(path), admin.patch(path, json={"role": "pm"})):
        assert (answer.status_code, answer.json["code"]) == (409, "last_admin")


def test_a_key_is_made_used_rotated_and_revoked(app: Flask, admin: Caller, base: str) -> None:
    new = {"name": "CI", "scopes": ["read"], "expires_in_days": 1}
    made = admin.post(f"{base}/api-keys", json=new)
    assert made.status_code == 201
    where, first = made.headers["Location"], program(app, made.json["secret"])
    assert made.json["secret"].startswith(made.json["api_key"]["hint"])
    assert made.json["api_key"]["expires_at"] is not None
    assert first.get(f"{base}/tasks").status_code == 200
    assert admin.get(where).json["api_key"]["last_used_at"] is not None

    second = program(app, admin.post(f"{where}/rotate").json["secret"])
    statuses = [one.get(f"{base}/tasks").status_code for one in (first, second)]
    assert statuses == [401, 200]

    assert admin.delete(where).status_code == 204
    assert second.get(f"{base}/tasks").status_code == 401
    assert [admin.delete(where).status_code, admin.get(where).status_code] == [404, 404]
    listed = {
        revoked: [
            one["name"] for one in admin.get(f"{base}/api-keys?revoked={revoked}").json["api_keys"]
        ]
        for revoked in ("false", "true")
    }
    assert listed == {"false": ["tests"], "true": ["CI"]}


def test_a_key_grants_no_more_than_it_has(app: Flask, factory: Factory, org: Org) -> None:
    path = f"/api/orgs/{org.id}/api-keys"
    narrow = program(app, factory.api_key(org, Scope.ADMIN))
    refused = narrow.post(path, json={"name": "x", "scopes": ["admin", "write"]})
    assert (refused.status_code, refused.json["code"]) == (403, "insufficient_scope")
    assert narrow.post(path, json={"name": "x", "scopes": ["admin"]}).status_code == 201


def test_nobody_renews_the_key_of_another(app: Flask, factory: Factory, org: Org) -> None:
    path = f"/api/orgs/{org.id}/api-keys"
    owner = program(app, factory.api_key(org))
    other = program(app, factory.api_key(org, role=Role.PM))
    (key, _) = owner.get(path).json["api_keys"]
    assert other.post(f"{path}/{key['id']}/rotate").json["code"] == "forbidden"


@pytest.fixture
def failed(factory: Factory, org: Org) -> GitLabWebhookDelivery:
    return factory.delivery(
        org,
        event="Issue Hook",
        object_kind="issue",
        project_path="acme/app",
        gitlab_type="issue",
        gitlab_iid=7,
        attempts=8,
        error_code="network_error",
        payload=b'{"object_kind":1}',
        size_bytes=17,
    )


def test_a_failed_delivery_is_seen_and_replayed(
    admin: Caller, base: str, failed: GitLabWebhookDelivery
) -> None:
    (listed,) = admin.get(f"{base}/deliveries?status=failed").json["deliveries"]
    assert listed["id"] == str(failed.id)
    assert "payload" not in listed
    where = f"{base}/deliveries/{failed.id}"
    shown = admin.get(where).json["delivery"]
    assert shown == {**listed, "payload": {"object_kind": 1}}
    replayed = admin.post(f"{where}/replay")
    assert (replayed.status_code, replayed.json["delivery"]["status"]) == (202, "received")
    assert (replayed.json["delivery"]["attempts"], replayed.json["delivery"]["error_code"]) == (
        0,
        None,
    )
    again = admin.post(f"{where}/replay")
    assert (again.status_code, again.json["code"]) == (409, "delivery_pending")
    actions = [one["action"] for one in admin.get(f"{base}/audit-events").json["events"]]
    assert actions == ["delivery.replayed"]


def test_a_delivery_without_its_body_cannot_be_replayed(
    admin: Caller, factory: Factory, org: Org, base: str
) -> None:
    gone = factory.delivery(org, status=DeliveryStatus.PROCESSED, payload=None)
    where = f"{base}/deliveries/{gone.id}"
    assert "payload" not in admin.get(where).json["delivery"]
    assert admin.post(f"{where}/replay").json["code"] == "payload_gone"


def test_a_body_that_is_no_json_by_todays_rules_is_left_out(
    admin: Caller, factory: Factory, org: Org, base: str
) -> None:
    odd = factory.delivery(org, payload=b"NaN")
    answer = admin.get(f"{base}/deliveries/{odd.id}")
    assert (answer.status_code, "payload" in answer.json["delivery"]) == (200, False)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("event=Issue+Hook", 1),
        ("object_kind=issue", 1),
        ("object_kind=note", 0),
        ("project_path=acme/app", 1),
        ("gitlab_type=issue&gitlab_iid=7", 1),
        ("gitlab_iid=8", 0),
        ("status=received", 0),
    ],
)
@pytest.mark.usefixtures("failed")
def test_deliveries_are_found(admin: Caller, base: str, query: str, count: int) -> None:
    assert len(admin.get(f"{base}/deliveries?{query}").json["deliveries"]) == count


def test_the_audit_log_says_who_did_what(admin: Caller, base: str) -> None:
    admin.patch(base, json={"name": "Acme"})
    admin.post(f"{base}/api-keys", json={"name": "CI", "scopes": ["read"]})
    me = admin.get("/api/me").json["me"]
    events = admin.get(f"{base}/audit-events").json["events"]
    assert [one["action"] for one in events] == ["api_key.created", "org.updated"]
    for one in events:
        assert (one["actor"], one["actor_user_id"]) == ("person", me["user"]["id"])
        assert one["actor_api_key_id"] == me["api_key"]["id"]
    assert events[1]["detail"] == {"name": "Acme"}
    only = admin.get(f"{base}/audit-events?action=org.updated").json["events"]
    assert only == events[1:]
    assert admin.get(f"{base}/audit-events/{only[0]['id']}").json == {"event": only[0]}


@pytest.mark.parametrize(
    "name", ["members", "invitations", "api-keys", "deliveries", "audit-events"]
)
def test_lists_go_on_where_they_stopped(
    app: Flask, factory: Factory, org: Org, admin: Caller, base: str, name: str
) -> None:
    for number in range(5):
        admin.post(f"{base}/members", json={"email": f"u{number}@example.com", "role": "member"})
        factory.membership(org)
        admin.post(f"{base}/api-keys", json={"name": str(number), "scopes": ["read"]})
        factory.delivery(org, status="ignored")

    def walk(limit: int) -> list[str]:
        seen, cursor = [], ""
        while True:
            page = admin.get(f"{base}/{name}?limit={limit}{cursor}").json
            rows = page[next(key for key in page if key != "next_cursor")]
            assert len(rows) <= limit
            seen += [row["id"] for row in rows]
            if page["next_cursor"] is None:
                return seen
            cursor = f"&cursor={page['next_cursor']}"

    everything = walk(100)
    assert len(everything) >= 5
    assert len(set(everything)) == len(everything)
    assert walk(2) == everything
