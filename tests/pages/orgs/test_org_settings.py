"""The settings of an org, leaving it, and creating another one."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from gitlab_links.accounts.models import ApiKey, Membership, Org
from gitlab_links.accounts.roles import Role
from gitlab_links.audit.models import AuditEvent
from gitlab_links.extensions import db
from tests.api.callers import Caller, browser, program
from tests.factories import Factory
from tests.pages.conftest import As
from tests.pages.markup import Markup, hidden, text_of


def save(who: Caller, base: str, **typed: str) -> Any:
    version = hidden(who.get(f"{base}/settings"), "version")
    return who.post(f"{base}/settings", data={**version, **typed})


def test_a_changed_task_key_leaves_old_references_alive(
    app: Flask, acting: As, factory: Factory, org: Org, base: str
) -> None:
    task = factory.task(org, number=7, title="Paint the rocket")
    foreign = factory.org(name="Other", task_key="ACME")
    admin = acting(Role.ADMIN)
    assert save(admin, base, name="Acme Space", task_key="space").status_code == 302
    for reference in ("ACME-7", "acme-7", "SPACE-7"):
        page = admin.get(f"{base}/tasks/{reference}")
        assert page.status_code == 200
        assert "SPACE-7" in text_of(page)
        found = admin.get(f"/api{base}/tasks?q={reference}").json["tasks"]
        assert [one["id"] for one in found] == [str(task.id)]
    shown = admin.get(f"/api{base}").json["org"]
    assert (shown["name"], shown["task_key"]) == ("Acme Space", "SPACE")
    assert shown["former_task_keys"] == ["ACME"]
    assert "Former keys, which still work: ACME" in text_of(admin.get(f"{base}/settings"))
    stranger = acting(Role.ADMIN, foreign)
    assert stranger.get(f"/orgs/{foreign.id}/tasks/SPACE-7").status_code == 404


def test_a_key_that_comes_back_is_no_former_one(acting: As, base: str) -> None:
    admin = acting(Role.ADMIN)
    for key in ("ONE", "TWO", "ONE"):
        assert save(admin, base, name="Acme", task_key=key).status_code == 302
    assert admin.get(f"/api{base}").json["org"]["former_task_keys"] == ["ACME", "TWO"]


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        ({"name": "", "task_key": "ACME"}, "name-error"),
        ({"name": "x" * 101, "task_key": "ACME"}, "name-error"),
        ({"name": "Acme", "task_key": "1A"}, "task_key-error"),
        ({"name": "Acme", "task_key": "ELEVENCHARS"}, "task_key-error"),
    ],
)
def test_what_cannot_be_saved_is_said_at_the_field(
    acting: As, base: str, typed: dict[str, str], fault: str
) -> None:
    answer = save(acting(Role.ADMIN), base, **typed)
    assert answer.status_code == 422
    assert fault in answer.text


def test_a_change_by_somebody_else_is_shown_first(acting: As, base: str) -> None:
    first, second = acting(Role.ADMIN), acting(Role.ADMIN)
    form = {**hidden(first.get(f"{base}/settings"), "version"), "task_key": "ACME"}
    assert first.post(f"{base}/settings", data={**form, "name": "One"}).status_code == 302
    shown = second.post(f"{base}/settings", data={**form, "name": "Two"})
    assert shown.status_code == 412
    assert "Name, theirs One" in text_of(shown)
    assert "Task key, theirs" not in text_of(shown)
    assert Markup.of(shown).one("input", id="name")["value"] == "Two"
    # Who changes only the key keeps the name that somebody else has given meanwhile.
    changed = {**form, "name": "Acme Rockets", "task_key": "ROCK"}
    assert second.post(f"{base}/settings", data=changed).status_code == 302
    assert "meanwhile stays, too: name." in text_of(second.get(f"{base}/settings"))
    found = second.get(f"/api{base}").json["org"]
    assert (found["name"], found["task_key"]) == ("One", "ROCK")


def test_members_see_confidential_items_where_a_manager_says_so(
    acting: As, factory: Factory, org: Org, base: str
) -> None:
    factory.connect(org, base_url="https://gitlab.example.com", token="glpat-x")
    manager = acting(Role.PM)
    path = f"{base}/settings/confidential"
    manager.post(path, data={"seen_members": "hidden", "confidential_members": "1"})
    policy = manager.get(f"/api{base}/integrations/gitlab/policy").json["policy"]
    assert policy["confidential_roles"] == ["admin", "pm", "member"]
    stale = manager.post(path, data={"seen_members": "hidden"}, follow_redirects=True)
    assert "Somebody else has just changed" in text_of(stale)
    manager.post(path, data={"seen_members": "shown"})
    policy = manager.get(f"/api{base}/integrations/gitlab/policy").json["policy"]
    assert policy["confidential_roles"] == ["admin", "pm"]


def test_the_log_says_where_alerts_go_also_if_who_sees_what_was_changed(
    acting: As, factory: Factory, org: Org, base: str
) -> None:
    factory.connect(org, base_url="https://gitlab.example.com", token="glpat-x")
    admin = acting(Role.ADMIN)
    set_to = {"notify_url": "https://chat.example.com/hook"}
    admin.patch(f"/api{base}/integrations/gitlab/policy", json=set_to)
    changed = {"seen_members": "hidden", "confidential_members": "1"}
    admin.post(f"{base}/settings/confidential", data=changed)
    events = admin.get(f"/api{base}/audit-events?action=integration.policy_updated").json
    logged = [one["detail"]["notify_url_host"] for one in events["events"]]
    assert logged == ["chat.example.com"] * 2


def test_who_sees_no_links_reads_nothing_about_them(acting: As, base: str) -> None:
    settings = {role: text_of(acting(role).get(f"{base}/settings")) for role in Role}
    for words in ("Branch names", "Links by mention"):
        assert [role for role in Role if words not in settings[role]] == [Role.CLIENT]


@pytest.mark.parametrize("door", ["page", "api"])
def test_who_leaves_is_out_with_their_keys_and_the_log_says_so(
    app: Flask, factory: Factory, org: Org, base: str, door: str
) -> None:
    factory.membership(org, Role.ADMIN)
    user = factory.user()
    factory.membership(org, Role.CLIENT, user)
    key = factory.api_key(org, user=user)
    who = browser(app, user.id)
    path = f"{base}/settings/leave" if door == "page" else f"/api{base}/leave"
    assert who.post(path).status_code == (302 if door == "page" else 204)
    assert who.get(f"{base}/tasks").status_code == 404
    assert program(app, key).get(f"/api{base}/tasks").status_code == 401
    with app.app_context():
        assert db.session.scalars(select(Membership).filter_by(user_id=user.id)).all() == []
        assert all(key.revoked_at for key in db.session.scalars(select(ApiKey)))
        logged = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
        assert logged is not None
        assert (logged.action, logged.actor_user_id) == ("member.left", user.id)


def test_the_last_admin_stays(acting: As, base: str) -> None:
    admin = acting(Role.ADMIN)
    answer = admin.post(f"{base}/settings/leave", follow_redirects=True)
    assert "An org needs an admin" in text_of(answer)
    refused = admin.post(f"/api{base}/leave")
    assert (refused.status_code, refused.json["code"]) == (409, "last_admin")


def test_an_operator_creates_an_org_and_nobody_else_does(
    make_app: Callable[..., Flask], factory: Factory, org: Org
) -> None:
    app = make_app(operator_emails=frozenset({"op@example.com"}))
    operator = factory.user(email="op@example.com")
    factory.membership(org, Role.CLIENT, operator)
    admin = factory.user()
    factory.membership(org, Role.ADMIN, admin)
    stranger = browser(app, admin.id)
    assert stranger.get("/new-org").status_code == 403
    assert stranger.post("/new-org", data={"name": "Mine"}).status_code == 403
    who = browser(app, operator.id)
    assert "Create an org" in text_of(who.get("/new-org"))
    assert who.post("/new-org", data={"name": " "}).status_code == 422
    taken = who.post("/new-org", data={"name": "acme rockets"})
    assert taken.status_code == 409
    assert "name-error" in taken.text
    made = who.post("/new-org", data={"name": "Second Org"})
    assert made.status_code == 302
    assert made.headers["Location"].endswith("/members")
    listed = who.get("/api/orgs").json["orgs"]
    assert [(one["name"], one["role"]) for one in listed] == [
        ("Acme Rockets", "client"),
        ("Second Org", "admin"),
    ]


def test_the_template_of_branch_names_is_saved_or_refused_at_the_field(
    acting: As, base: str
) -> None:
    visitor = acting(Role.ADMIN)
    saved = visitor.post(f"{base}/settings/branches", data={"branch_template": "fix/{key}"})
    assert saved.status_code == 302
    assert "fix/acme-12" in visitor.get(f"{base}/settings").text
    refused = visitor.post(f"{base}/settings/branches", data={"branch_template": "{title}"})
    assert refused.status_code == 422
    field = Markup.of(refused).one("input", id="branch_template")
    assert (field["value"], field["aria-invalid"]) == ("{title}", "true")
    member = acting(Role.MEMBER)
    assert "fix/acme-12" in member.get(f"{base}/settings").text
    assert member.post(f"{base}/settings/branches", data={"branch_template": ""}).status_code == 403
