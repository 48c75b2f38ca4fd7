"""Members, API keys and the audit log."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from gitlab_links.accounts.models import ApiKey, Membership, Org, User
from gitlab_links.accounts.roles import Role, Scope
from gitlab_links.audit.models import AuditEvent
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from tests.api.callers import browser, program
from tests.factories import Factory
from tests.pages.conftest import As
from tests.pages.markup import Markup, text_of


def members(app: Flask, org: Org) -> dict[str, str]:
    with app.app_context():
        rows = db.session.execute(
            select(User.email, Membership.role)
            .join(Membership, Membership.user_id == User.id)
            .where(Membership.org_id == org.id)
        )
        return {row.email: row.role for row in rows}


def test_without_a_mail_server_the_link_is_shown_once(acting: As, base: str) -> None:
    admin = acting(Role.ADMIN)
    data = {"email": " New@Example.com ", "name": "Nia New", "role": "pm"}
    answer = admin.post(f"{base}/members", data=data, follow_redirects=True)
    link = Markup.of(answer).one("input", id="invitation-link")["value"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert link.startswith("http://localhost/invitations/")
    page = admin.get(f"{base}/members")
    assert link not in page.text
    assert "new@example.comNia New Project manager" in text_of(page)
    again = admin.post(f"{base}/members", data=data)
    assert (again.status_code, "invited already" in text_of(again)) == (409, True)


def test_an_invitation_is_sent_again_and_revoked(
    app: Flask, acting: As, factory: Factory, org: Org, base: str
) -> None:
    invitation = factory.invitation(org, "new@example.com")
    admin, where = acting(Role.ADMIN), f"{base}/members/invitations/{invitation.id}"
    page = admin.post(f"{where}/resend", follow_redirects=True)
    link = Markup.of(page).one("input", id="invitation-link")["value"]
    path = link.removeprefix("http://localhost")
    assert app.test_client().get(path).status_code == 200
    page = admin.post(f"{where}/revoke", follow_redirects=True)
    assert "new@example.com is revoked" in text_of(page)
    assert app.test_client().get(path).status_code == 404
    assert "Invited" not in text_of(admin.get(f"{base}/members"))


def test_a_member_is_not_invited_again(acting: As, factory: Factory, org: Org, base: str) -> None:
    user = factory.user()
    factory.membership(org, Role.CLIENT, user)
    data = {"email": user.email, "name": "K.", "role": "client"}
    again = acting(Role.ADMIN).post(f"{base}/members", data=data)
    assert again.status_code == 409
    assert "a member of the org already" in text_of(again)


def test_a_person_added_by_an_earlier_version_is_shown_as_the_org_named_them(
    app: Flask, acting: As, factory: Factory, org: Org, base: str
) -> None:
    """Until the person has opened the org, which then sees them as they call themselves."""
    known = factory.user(name="Kim Known")
    factory.add(
        Membership(org_id=org.id, user_id=known.id, role=Role.CLIENT.value, pending_name="K.")
    )
    admin = acting(Role.ADMIN)
    listed = admin.get(f"/api{base}/members").json["members"]
    assert (None, "K.") in {(one["user_id"], one["name"]) for one in listed}
    assert "Known" not in text_of(admin.get(f"{base}/members"))
    browser(app, known.id).get(f"{base}/tasks")
    listed = admin.get(f"/api{base}/members").json["members"]
    assert (str(known.id), "Kim Known") in {(one["user_id"], one["name"]) for one in listed}


@pytest.mark.parametrize(
    ("values", "field"),
    [({"email": "x"}, "email"), ({"email": ""}, "email"), ({"name": ""}, "name"),
     ({"name": "x" * 101}, "name"), ({"email": "a\0@b.example"}, "email"),
     ({"name": "a\0"}, "name")],
)  # fmt: skip
def test_a_member_without_address_or_name_is_refused(
    acting: As, base: str, values: dict[str, str], field: str
) -> None:
    data = {"email": "new@example.com", "name": "Nia", "role": "member", **values}
    answer = acting(Role.ADMIN).post(f"{base}/members", data=data)
    assert answer.status_code == 422
    assert Markup.of(answer).one("div", id=f"{field}-error").text.strip()


def test_roles_change_and_an_admin_remains(
    app: Flask, acting: As, factory: Factory, org: Org, base: str
) -> None:
    admin_row = factory.membership(org, Role.ADMIN)
    admin = browser(app, admin_row.user_id)
    other = factory.membership(org, Role.MEMBER)
    admin.post(f"{base}/members/{other.id}/role", data={"role": "client", "seen": "member"})
    assert "client" in members(app, org).values()
    for action, data in (("role", {"role": "member", "seen": "admin"}), ("remove", {})):
        answer = admin.post(f"{base}/members/{admin_row.id}/{action}", data=data)
        assert "An org needs an admin" in text_of(admin.get(answer.headers["Location"]))
    admin.post(f"{base}/members/{other.id}/remove")
    assert list(members(app, org).values()) == ["admin"]


def test_a_manager_reads_members_and_changes_none(acting: As, base: str) -> None:
    page = Markup.of(acting(Role.PM).get(f"{base}/members"))
    assert page.one("h1").text == "Members"
    assert [form for form in page.all("form") if "/members" in (form.get("action") or "")] == []


def test_a_key_is_shown_once_and_works(app: Flask, acting: As, org: Org, base: str) -> None:
    manager = acting(Role.PM)
    data = {"name": "report", "scopes": ["read"], "expires": "30"}
    answer = manager.post(f"{base}/api-keys", data=data, follow_redirects=True)
    secret = Markup.of(answer).one("input", id="api-key")["value"]
    assert answer.headers["Cache-Control"] == "no-store"
    page = manager.get(f"{base}/api-keys")
    assert secret not in page.text
    assert secret[:12] in page.text
    assert program(app, secret).get(f"/api/orgs/{org.id}/tasks").status_code == 200
    with app.app_context():
        key = db.session.scalars(select(ApiKey)).one()
    assert key.scopes == ["read"]
    assert key.expires_at is not None
    assert timedelta(days=29) < key.expires_at - utcnow() <= timedelta(days=30)


@pytest.mark.parametrize(
    ("data", "field"),
    [({"name": "", "scopes": ["read"]}, "name"), ({"name": "x"}, "scopes"),
     ({"name": "x", "scopes": ["root"]}, "scopes"),
     ({"name": "x" * 101, "scopes": ["read"]}, "name"),
     ({"name": "x", "scopes": ["read"], "expires": "31"}, "expires"),
     ({"name": "x", "scopes": ["read"], "expires": "-1"}, "expires"),
     ({"name": "x", "scopes": ["read"]}, "expires")],
)  # fmt: skip
def test_a_key_needs_a_name_a_scope_and_an_end(
    app: Flask, acting: As, base: str, data: dict[str, Any], field: str
) -> None:
    answer = acting(Role.ADMIN).post(f"{base}/api-keys", data=data)
    assert answer.status_code == 422
    assert Markup.of(answer).one("div", id=f"{field}-error").text.strip()
    with app.app_context():
        assert db.session.scalars(select(ApiKey)).all() == []


def test_renewing_and_revoking_end_the_secret(
    app: Flask, factory: Factory, org: Org, base: str
) -> None:
    user = factory.user()
    owner = browser(app, factory.membership(org, Role.ADMIN, user).user_id)
    first = factory.api_key(org, Scope.READ, user=user)
    with app.app_context():
        key_id = db.session.scalars(select(ApiKey.id)).one()
    answer = owner.post(f"{base}/api-keys/{key_id}/rotate", follow_redirects=True)
    second = Markup.of(answer).one("input", id="api-key")["value"]
    tasks = f"/api/orgs/{org.id}/tasks"
    assert [program(app, secret).get(tasks).status_code for secret in (first, second)] == [401, 200]
    answer = owner.post(f"{base}/api-keys/{key_id}/revoke")
    assert "It no longer works" in text_of(owner.get(answer.headers["Location"]))
    assert program(app, second).get(tasks).status_code == 401
    assert "Revoked" in text_of(owner.get(f"{base}/api-keys"))


def test_what_was_chosen_is_chosen_still_after_a_refusal(acting: As, base: str) -> None:
    data = {"name": "", "scopes": ["write"], "expires": "365"}
    page = Markup.of(acting(Role.ADMIN).post(f"{base}/api-keys", data=data))
    chosen = [one["value"] for one in page.all("option") if "selected" in one.attributes]
    assert chosen == ["365"]


def test_a_key_that_has_ended_says_so(app: Flask, acting: As, base: str, clock: Any) -> None:
    admin = acting(Role.ADMIN)
    data = {"name": "report", "scopes": ["read"], "expires": "30"}
    admin.post(f"{base}/api-keys", data=data)
    clock.advance(31 * 86_400)
    assert "Expired" in text_of(acting(Role.ADMIN).get(f"{base}/api-keys"))


@pytest.fixture
def trail(factory: Factory, org: Org) -> list[User]:
    people = [factory.user(name=name) for name in ("Ana", "Ben")]
    for number, (person, action) in enumerate((
        (people[0], "member.added"), (people[1], "api_key.created"), (None, "org.created"),
    )):  # fmt: skip
        actor = person.id if person else None
        detail = {"name": f"<b>{number}</b>", "scopes": ["read", "write"], "error_code": None}
        factory.add(AuditEvent(org_id=org.id, actor_user_id=actor, action=action, detail=detail))
    return people


def test_the_trail_is_told_in_words(
    acting: As, trail: list[User], factory: Factory, org: Org, base: str
) -> None:
    with_kind = {"actor_kind": "service", "action": "health.problem", "detail": {}}
    factory.add(AuditEvent(org_id=org.id, **with_kind))
    answer = acting(Role.PM).get(f"{base}/audit")
    text = text_of(answer)
    for said in ("Ana", "Added a member", "Created an API key", "The operator", "Created the org",
                 "This service", "read, write", "<b>0</b>"):  # fmt: skip
        assert said in text, said
    assert "<b>0</b>" not in answer.text


def test_the_trail_can_be_filtered(
    acting: As, trail: list[User], factory: Factory, base: str
) -> None:
    admin, other = acting(Role.ADMIN), factory.user(name="Eve")
    factory.add(AuditEvent(org_id=factory.org().id, actor_user_id=other.id, action="org.created"))

    def rows(query: str) -> int:
        return len(Markup.of(admin.get(f"{base}/audit?{query}")).all("td", data_label="When"))

    assert rows("") == 3
    assert rows("action=member.added") == 1
    assert rows(f"actor={trail[1].id}") == 1
    assert rows(f"actor={trail[1].id}&action=member.added") == 0
    assert rows("actor=x&action=y&after=") == 3
    who = Markup.of(admin.get(f"{base}/audit")).all("option")
    ids = [one["value"] for one in who if one.text in {"Ana", "Ben", "Eve"}]
    assert ids == [str(person.id) for person in trail]


def test_a_long_trail_comes_in_parts(acting: As, factory: Factory, org: Org, base: str) -> None:
    for _ in range(51):
        factory.add(AuditEvent(org_id=org.id, action="org.updated", detail={}))
    admin = acting(Role.ADMIN)
    page = Markup.of(admin.get(f"{base}/audit"))
    older = Markup.of(admin.get(page.one("a", rel="next")["href"]))
    assert (len(page.all("tr")), len(older.all("tr"))) == (51, 2)
