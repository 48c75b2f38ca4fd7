"""Saved views: whose they are, who changes them, what they are called, and when they go."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from gitlab_links.accounts.erasure import erase_person, find_person_to_erase
from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role, Scope
from gitlab_links.audit.changes import OPERATOR
from gitlab_links.errors import NotFound
from gitlab_links.extensions import db
from gitlab_links.saved_views.changes import MOST_OF_A_MEMBER, change_view, delete_view, lock_view
from gitlab_links.saved_views.models import SavedView
from tests.api.callers import Caller, browser, program
from tests.beside import Beside
from tests.factories import Factory
from tests.lock_waits import wait_for_somebody_to_wait
from tests.pages.markup import Element, Markup, hidden, text_of

pytestmark = pytest.mark.differs_by_database
As = Callable[..., Caller]


@pytest.fixture
def org(factory: Factory) -> Org:
    return factory.org(name="Acme Rockets", task_key="ACME")


@pytest.fixture
def acting(app: Flask, factory: Factory, org: Org) -> As:
    return lambda role: browser(app, factory.membership(org, role).user_id)


@pytest.fixture
def api(org: Org) -> str:
    return f"/api/orgs/{org.id}"


def saved(caller: Caller, path: str, name: str, **filters: Any) -> dict[str, Any]:
    answer = caller.post(path, json={"name": name, "filter": filters})
    assert answer.status_code == 201, answer.json
    return dict(answer.json["view"])


def names(caller: Caller, api: str) -> list[str]:
    return [view["name"] for view in caller.get(f"{api}/task-views").json["views"]]


def row(caller: Caller, org: Org, **query: str) -> list[Element]:
    page = Markup.of(caller.get(f"/orgs/{org.id}/tasks", query_string=query))
    return [link for link in page.all("a") if {"main", "nav"} <= set(link.parents)]


def test_ones_own_are_ones_own_and_shared_ones_everybodys(acting: As, api: str) -> None:
    manager, member, client = (acting(role) for role in (Role.PM, Role.MEMBER, Role.CLIENT))
    own = saved(member, f"{api}/task-views", "Mine", assignee="me", sort="due")
    shared = saved(manager, f"{api}/shared-task-views", "Failing", need="failing")
    saved(manager, f"{api}/shared-task-views", "Open", status="open")
    assert own["filter"]["assignee"] == "me"
    assert (own["filter"]["q"], own["filter"]["sort"], own["shared"]) == (None, "due", False)
    assert names(member, api) == ["Mine", "Failing", "Open"]
    assert names(manager, api) == ["Failing", "Open"]
    # Whoever sees no links learns nothing of what others filter them by.
    assert names(client, api) == ["Open"]
    assert client.get(f"{api}/task-views/{shared['id']}").status_code == 404
    for stranger in (manager, client):
        assert stranger.get(f"{api}/task-views/{own['id']}").status_code == 404
        assert stranger.delete(f"{api}/task-views/{own['id']}").status_code == 404
    assert member.delete(f"{api}/shared-task-views/{shared['id']}").status_code == 403
    assert member.post(f"{api}/shared-task-views", json={}).status_code == 403
    # One's own is no shared one, and the other way round.
    assert manager.delete(f"{api}/shared-task-views/{own['id']}").status_code == 404
    assert manager.patch(f"{api}/task-views/{shared['id']}", json={}).status_code == 404


def test_a_shared_one_is_not_overwritten_by_whoever_read_it_before(acting: As, api: str) -> None:
    admin, manager, client = (acting(role) for role in (Role.ADMIN, Role.PM, Role.CLIENT))
    view = {"name": "Failing", "filter": {"need": "failing"}}
    made = admin.post(f"{api}/shared-task-views", json=view)
    path, seen = made.headers["Location"], {"If-Match": made.headers["ETag"]}
    assert admin.get(path).headers["ETag"] == made.headers["ETag"]
    assert manager.patch(path, json={"name": "Red"}, headers=seen).status_code == 200
    assert admin.patch(path, json={"name": "Mine"}, headers=seen).status_code == 412
    assert admin.delete(path, headers=seen).status_code == 412
    assert manager.get(path).json["view"]["name"] == "Red"
    assert client.get(path).status_code == 404
    own = saved(admin, f"{api}/task-views", "Own", q="a")
    assert admin.get(f"{api}/shared-task-views/{own['id']}").status_code == 404


def test_names_are_unique_for_their_owner_and_views_few(
    acting: As, factory: Factory, app: Flask, org: Org, api: str
) -> None:
    member, other = acting(Role.MEMBER), acting(Role.MEMBER)
    first = saved(member, f"{api}/task-views", "Straße", q="a")
    saved(other, f"{api}/task-views", "Straße", q="a")
    again = member.post(f"{api}/task-views", json={"name": "STRASSE", "filter": {"q": "b"}})
    assert (again.status_code, again.json["code"]) == (409, "view_exists")
    path = f"{api}/task-views/{first['id']}"
    assert member.patch(path, json={"name": "STRASSE"}).json["view"]["name"] == "STRASSE"
    for name in ("", "x" * 61, "a\u200bb", " "):
        refused = member.post(f"{api}/task-views", json={"name": name, "filter": {}})
        assert (refused.status_code, [*refused.json["errors"]]) == (422, ["name"]), name
    for wrong in ({"assignee": "somebody"}, {"links": "lost"}, {"sort": "x"}, {"page": 2}):
        refused = member.post(f"{api}/task-views", json={"name": "New", "filter": wrong})
        assert refused.status_code == 422, wrong
    for number in range(MOST_OF_A_MEMBER - 1):
        saved(member, f"{api}/task-views", f"View {number}", q="a")
    full = member.post(f"{api}/task-views", json={"name": "New", "filter": {"q": "b"}})
    assert (full.status_code, full.json["code"]) == (409, "too_many_views")


def test_only_shared_ones_are_audited(acting: As, org: Org, api: str) -> None:
    admin = acting(Role.ADMIN)
    saved(admin, f"{api}/task-views", "Mine", q="a")
    view = saved(admin, f"{api}/shared-task-views", "Ours", q="a")
    path = f"{api}/shared-task-views/{view['id']}"
    admin.patch(path, json={"name": "Theirs"})
    admin.patch(path, json={"name": "Theirs", "filter": {"q": "a"}})  # changes nothing
    admin.delete(path)
    events = admin.get(f"{api}/audit-events").json["events"]
    assert [(one["action"], one["detail"]) for one in events] == [
        ("view.deleted", {"name": "Theirs"}),
        ("view.changed", {"name": "Theirs", "former_name": "Ours"}),
        ("view.created", {"name": "Ours"}),
    ]


def test_ones_own_go_with_oneself_and_shared_ones_stay(
    app: Flask, factory: Factory, org: Org, api: str
) -> None:
    leaver, erased = (factory.user(email=f"{name}@example.com") for name in ("lea", "era"))
    factory.membership(org, Role.ADMIN)
    for user in (leaver, erased):
        factory.membership(org, Role.ADMIN, user)
        caller = browser(app, user.id)
        saved(caller, f"{api}/task-views", "Mine", q="a")
        saved(caller, f"{api}/shared-task-views", user.email, q="a")
    assert browser(app, leaver.id).post(f"{api}/leave").status_code == 204
    with app.app_context():
        erase_person(find_person_to_erase(erased.email), OPERATOR)
        db.session.commit()
        left = db.session.scalars(select(SavedView.name).order_by(SavedView.name)).all()
    assert left == ["era@example.com", "lea@example.com"]


def test_a_list_is_saved_opened_renamed_and_deleted_on_its_page(acting: As, org: Org) -> None:
    admin, path = acting(Role.ADMIN), f"/orgs/{org.id}/tasks/views"
    done = admin.post(f"{path}?status=done&sort=due&page=3&x=y", data={"name": " Done "})
    assert done.headers["Location"] == f"/orgs/{org.id}/tasks?status=done&sort=due"
    admin.post(f"{path}?q=rocket", data={"name": "Rockets", "shared": "1"})
    shown = [(link.text, link.get("aria-current")) for link in row(admin, org, q="rocket")]
    assert shown == [("All", None), ("Rockets, shared", "page"), ("Done", None)]
    twice = admin.post(f"{path}?q=other", data={"name": "done"})
    assert twice.status_code == 409
    assert "You have a view of this name already." in text_of(twice)
    assert "Or tick the box to replace that view." in text_of(twice)
    assert "Replace that view" in text_of(twice)
    replacing = {"name": "done", "replace": "1", **hidden(twice, "version")}
    admin.post(f"{path}?q=other", data=replacing)
    (link,) = [link for link in row(admin, org) if link.text == "Done"]
    assert link["href"] == f"/orgs/{org.id}/tasks?q=other"
    page = Markup.of(admin.get(link["href"]))
    (form,) = [one for one in page.all("form") if "/views/" in (one.get("action") or "")]
    version = hidden(admin.get(link["href"]), "version")
    unnamed = admin.post(form["action"], data={"name": "x" * 61, **version})
    assert unnamed.status_code == 422
    assert "Enter a name of 1 to 60 characters" in text_of(unnamed)
    admin.post(form["action"], data={"name": "Others", **version})
    assert "Others" in [link.text for link in row(admin, org)]
    gone = admin.post(form["action"], data={"name": "", "delete": "1"}, follow_redirects=True)
    assert "Deleted the view Others." in text_of(gone)
    member = acting(Role.MEMBER)
    assert member.post(f"{path}?q=a", data={"name": "A", "shared": "1"}).status_code == 403
    assert "Edit the view" not in text_of(member.get(f"/orgs/{org.id}/tasks?q=rocket"))


@pytest.mark.parametrize("role", [Role.PM, Role.ADMIN])
def test_who_renames_a_view_sees_that_somebody_else_did(acting: As, org: Org, role: Role) -> None:
    first, second = acting(role), acting(Role.ADMIN)
    views, shown = f"/orgs/{org.id}/tasks/views?q=rocket", f"/orgs/{org.id}/tasks?q=rocket"
    second.post(views, data={"name": "Rockets", "shared": "1"})
    page = second.get(shown)
    (form,) = [one for one in Markup.of(page).all("form") if "-views/" in (one.get("action") or "")]
    version = hidden(page, "version")
    first.post(form["action"], data={"name": "Engines", **version})
    late = second.post(form["action"], data={"name": "Boosters", **version})
    assert late.status_code == 412
    assert "Somebody else called it Engines meanwhile." in text_of(late)
    assert Markup.of(late).one("input", id="view-name")["value"] == "Boosters"
    assert "Engines, shared" in [link.text for link in row(second, org)]
    decided = second.post(form["action"], data={"name": "Boosters", **hidden(late, "version")})
    assert decided.status_code == 302
    assert "Boosters, shared" in [link.text for link in row(second, org)]


def test_who_replaces_a_view_sees_that_somebody_else_did(acting: As, org: Org) -> None:
    first, second = acting(Role.PM), acting(Role.ADMIN)
    path = f"/orgs/{org.id}/tasks/views"
    asked = {"name": "Rockets", "shared": "1"}
    first.post(f"{path}?q=rocket", data=asked)
    offers = [
        who.post(f"{path}?q={text}", data=asked) for who, text in ((first, "a"), (second, "b"))
    ]
    replacing = [{**asked, "replace": "1", **hidden(offer, "version")} for offer in offers]
    assert first.post(f"{path}?q=a", data=replacing[0]).status_code == 302
    late = second.post(f"{path}?q=b", data=replacing[1])
    assert late.status_code == 412
    assert "Somebody else changed the view Rockets meanwhile." in text_of(late)
    decided = {**replacing[1], **hidden(late, "version")}
    assert second.post(f"{path}?q=b", data=decided).status_code == 302
    (link,) = [one for one in row(second, org) if one.text == "Rockets, shared"]
    assert link["href"] == f"/orgs/{org.id}/tasks?q=b"


def test_a_read_key_saves_nothing_and_a_filter_by_who_has_left_stays(
    app: Flask, factory: Factory, org: Org, api: str, acting: As
) -> None:
    key = program(app, factory.api_key(org, Scope.READ))
    new = {"name": "Mine", "filter": {"q": "a"}}
    assert key.post(f"{api}/task-views", json=new).json["code"] == "insufficient_scope"
    gone = str(factory.user(name="Lea Ver").id)
    factory.task(org, title="Of nobody")
    page = acting(Role.MEMBER).get(f"/orgs/{org.id}/tasks?assignee={gone}")
    assert "Somebody who has left" in page.text
    assert "No task matches" in page.text


@pytest.mark.only_on("postgresql")
def test_a_shared_one_is_deleted_while_somebody_renames_it(
    app: Flask, factory: Factory, org: Org
) -> None:
    """Both lock the org, then the view: none waits in a circle."""
    principal, view = factory.principal(org, Role.ADMIN), factory.saved_view(org)
    with app.app_context():
        lock_view(principal, view.id, shared=True)
        late = Beside(app, lambda: change_view(principal, view.id, shared=True, name="Red"))
        wait_for_somebody_to_wait()
        delete_view(principal, view.id, shared=True)
        db.session.commit()
    assert [type(error) for error in late.end()] == [NotFound]
