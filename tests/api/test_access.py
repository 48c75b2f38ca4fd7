"""Every route of the API meets everybody: the scope map is what happens, with no exception."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from gitlab_links.accounts.api_keys import revoke_key
from gitlab_links.accounts.key_logins import key_login
from gitlab_links.accounts.members import remove_member
from gitlab_links.accounts.models import ApiKey, Org
from gitlab_links.accounts.roles import Role, Scope
from gitlab_links.api.contract import contract, operations
from gitlab_links.api.contract_files import UNDESCRIBED, read
from gitlab_links.audit.models import AuditEvent
from gitlab_links.backfills.models import Backfill
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.observations.models import GitLabProjectWatch
from gitlab_links.operations.models import Operation, OperationKind
from tests.api.callers import Caller, browser, nobody, program
from tests.factories import Factory

SCOPE_MAP = Path(__file__).parents[2] / "docs" / "api" / "scope-map.yaml"
ENTRIES: dict[str, dict[str, Any]] = read(SCOPE_MAP)["operations"]
IN_AN_ORG = {name: entry for name, entry in ENTRIES.items() if entry["access"] == "org"}
SIGNED_IN = {name: entry for name, entry in ENTRIES.items() if entry["access"] == "signed_in"}
# The stream is read before rows of it are written by hand, and whoever leaves can do nothing more.
ORDER = {"events__events_get": -1, "accounts__org_leave_post": 1}
IN_ORDER = sorted(IN_AN_ORG.items(), key=lambda named: ORDER.get(named[0], 0))
REFUSED = frozenset({401, 403, 404, 405, 429, 500})
# What is made for the path needs more: the key is somebody else's, the role has more scopes.
NEED_MORE = frozenset({"accounts__api_key_rotate_post", "accounts__invitation_resend_post"})


# The view that is made for the path is shared: it is none of the caller's own.
OF_ONES_OWN = frozenset({"tasks__saved_view_patch", "tasks__saved_view_delete"})


def refused(name: str) -> frozenset[int]:
    """What somebody who may do it is never answered."""
    return REFUSED - {404} if name in OF_ONES_OWN else REFUSED


class World:
    """Two orgs and what the routes name by id."""

    def __init__(self, app: Flask, factory: Factory) -> None:
        self.app, self.factory = app, factory
        self.org, self.other = factory.org(), factory.org()
        self.admins = [factory.membership(self.org, Role.ADMIN).user_id for _ in range(2)]

    def path(self, template: str, org: Org | None = None) -> str:
        """The route with ids of things that are there."""
        path = template.replace("{org_id}", str((org or self.org).id))
        makers = {
            "{task_id}": lambda: self.factory.task(self.org).id,
            "{reference}": lambda: self.factory.task(self.org).id,
            "{member_id}": lambda: self.factory.membership(self.org).id,
            "{user_id}": lambda: self.factory.membership(self.org).user_id,
            "{invitation_id}": lambda: self.factory.invitation(self.org).id,
            "{key_id}": self._key,
            "{account_id}": lambda: self.factory.service_account(self.org).id,
            "{delivery_id}": self._delivery,
            "{operation_id}": self._operation,
            "{backfill_id}": lambda: self.factory.add(Backfill(org_id=self.org.id)).id,
            "{view_id}": lambda: self.factory.saved_view(self.org).id,
            "{project_id}": self._watched_project,
            "{endpoint_id}": lambda: self._sent().endpoint_id,
            "{event_id}": lambda: (
                self.factory.add(AuditEvent(org_id=self.org.id, action="org.updated", detail={})).id
            ),
        }
        if "{link_id}" in path:
            link = self._link()
            path = path.replace("{link_id}", str(link.id)).replace("{task_id}", str(link.task_id))
        if "{sent_id}" in path:
            sent = self._sent()
            path = path.replace("{sent_id}", str(sent.id))
            path = path.replace("{endpoint_id}", str(sent.endpoint_id))
        for name, make in makers.items():
            if name in path:
                path = path.replace(name, str(make()))
        return path

    def _link(self) -> Any:
        return self.factory.link(self.factory.task(self.org))

    def _key(self) -> Any:
        self.factory.api_key(self.org, role=Role.MEMBER)
        with self.app.app_context():
            newest = select(ApiKey.id).where(ApiKey.org_id == self.org.id)
            return db.session.scalars(newest.order_by(ApiKey.id.desc())).first()

    def _operation(self) -> Any:
        kind = OperationKind.ROTATE_TOKEN.value
        return self.factory.add(Operation(org_id=self.org.id, kind=kind)).id

    def _watched_project(self) -> Any:
        project = self.factory.gitlab_project(self.org)
        watch = {"org_id": self.org.id, "project_id": project.id, "picked_at": utcnow()}
        return self.factory.add(GitLabProjectWatch(**watch)).project_id

    def _sent(self) -> Any:
        return self.factory.sent(self.org)

    def _delivery(self) -> Any:
        return self.factory.delivery(self.org).id

    def strangers(self) -> Iterator[tuple[str, Caller, int]]:
        """Callers that every route of the org refuses, and the answer."""
        revoked = self.factory.api_key(self.org)
        leaver = self.factory.membership(self.org, Role.ADMIN)
        leavers_user = self.factory.user()
        leavers_user.id = leaver.user_id
        leavers_key = self.factory.api_key(self.org, user=leavers_user)
        leavers_browser = browser(self.app, leaver.user_id)
        expired = self.factory.api_key(self.org, expires_at=utcnow() - timedelta(seconds=1))
        self._revoke(revoked)
        self._remove(leaver.id)
        elsewhere = self.factory.membership(self.other, Role.ADMIN)
        yield "nobody", nobody(self.app), 401
        yield "another org's key", program(self.app, self.factory.api_key(self.other)), 404
        yield "another org's admin", browser(self.app, elsewhere.user_id), 404
        yield "a revoked key", program(self.app, revoked), 401
        yield "an expired key", program(self.app, expired), 401
        yield "a leaver's key", program(self.app, leavers_key), 401
        yield "a leaver", leavers_browser, 404
        yield "an unknown key", program(self.app, "glk_" + "x" * 43), 401
        yield "a malformed key", program(self.app, "x"), 401
        basic = Caller(self.app.test_client(), {"Authorization": "Basic YTpi"})
        yield "a password in a header", basic, 401
        both = browser(self.app, self.admins[0])
        both.headers["Authorization"] = "Bearer nonsense"
        yield "a session with a bad key", both, 401

    def _revoke(self, secret: str) -> None:
        with self.app.app_context():
            login = key_login(secret)
            assert login is not None
            revoke_key(login.principal, login.key_id)
            db.session.commit()

    def _remove(self, member_id: Any) -> None:
        principal = self.factory.principal(self.org, Role.ADMIN)
        with self.app.app_context():
            remove_member(principal, member_id)
            db.session.commit()


@pytest.fixture
def world(app: Flask, factory: Factory) -> World:
    return World(app, factory)


def send(caller: Caller, entry: dict[str, Any], path: str) -> tuple[int, str | None]:
    """Status and code of the answer to a request that is right but for its empty body."""
    options = {} if entry["method"] in {"GET", "DELETE"} else {"json": {}}
    answer = caller.call(entry["method"], path, **options)
    code = answer.json.get("code") if answer.status_code >= 400 else None
    return answer.status_code, code


def test_strangers_are_turned_away(world: World) -> None:
    strangers = list(world.strangers())
    wrong = {}
    for name, entry in IN_AN_ORG.items():
        path = world.path(entry["path"])
        for who, caller, status in strangers:
            answer = send(caller, entry, path)
            if answer[0] != status:
                wrong[name, who] = answer
    assert wrong == {}


@pytest.mark.parametrize("role", Role)
def test_roles_may_what_the_scope_map_says(app: Flask, world: World, role: Role) -> None:
    callers = {
        "session": browser(app, world.factory.membership(world.org, role).user_id),
        "key": program(app, world.factory.api_key(world.org, role=role)),
    }
    wrong = {}
    for name, entry in IN_ORDER:
        for kind, caller in callers.items():
            answer = send(caller, entry, world.path(entry["path"]))
            if role.value in entry["session_roles"]:
                # The key that is made for the path is somebody else's, and the answer says so.
                rotates = name == "accounts__api_key_rotate_post"
                right = answer[0] not in refused(name) - ({403} if rotates else set())
            else:
                right = answer == (403, "forbidden")
            if not right:
                wrong[name, kind] = answer
    assert wrong == {}


@pytest.mark.parametrize("scope", Scope)
def test_scopes_may_what_the_scope_map_says(app: Flask, world: World, scope: Scope) -> None:
    caller = program(app, world.factory.api_key(world.org, scope))
    wrong = {}
    for name, entry in IN_ORDER:
        answer = send(caller, entry, world.path(entry["path"]))
        if scope.value in entry["api_key_scopes"]:
            right = answer[0] not in refused(name) - ({403} if name in NEED_MORE else set())
        else:
            right = answer == (403, "insufficient_scope")
        if not right:
            wrong[name] = answer
    assert wrong == {}


def test_a_session_without_its_token_writes_nothing(app: Flask, world: World) -> None:
    caller = browser(app, world.admins[0], csrf=False)
    writing = {name: entry for name, entry in IN_AN_ORG.items() if entry["method"] != "GET"}
    answers = {
        name: send(caller, entry, world.path(entry["path"])) for name, entry in writing.items()
    }
    assert answers == dict.fromkeys(writing, (403, "csrf_failed"))


def test_what_takes_no_body_refuses_one(app: Flask, world: World) -> None:
    described = contract(app)["paths"]
    bodiless = {
        name: entry
        for name, entry in IN_ORDER
        if entry["method"] != "GET"
        and "requestBody" not in described[entry["path"]][entry["method"].lower()]
    }
    assert {"rules__status_rules_try", "links__task_gitlab_link_delete"} <= set(bodiless)
    caller = program(app, world.factory.api_key(world.org))
    answers = {}
    for name, entry in bodiless.items():
        answer = caller.call(entry["method"], world.path(entry["path"]), json={"y": 1})
        answers[name] = answer.json and answer.json.get("errors")
    unknown = {"y": ["Unknown field."]}
    assert {name: errors for name, errors in answers.items() if errors != unknown} == {}
    form = caller.post(f"/api/orgs/{world.org.id}/status-rules/dry-run", data={"y": 1})
    assert (form.status_code, form.json["code"]) == (415, "unsupported_media_type")


def test_ids_of_another_org_are_unknown(world: World) -> None:
    """One's own org in the path, somebody else's ids behind it."""
    caller = program(world.app, world.factory.api_key(world.other))
    bodies = {
        "accounts__member_patch": {"role": "member"},
        "accounts__service_account_keys_post": {"name": "Mine", "scopes": ["read"]},
        "tasks__task_patch": {"title": "Mine"},
        "links__task_gitlab_links_post": {"url": "https://gitlab.example.com/a/b/-/issues/1"},
        "links__task_gitlab_links_batch_post": {"links": [{"url": "a/b#1"}]},
        "links__task_gitlab_link_patch": {"made_by_person": True},
        "integrations__gitlab_backfill_patch": {"step": "stop"},
    }
    naming = {name: entry for name, entry in IN_AN_ORG.items() if entry["path"].count("{") > 1}
    answers = {}
    for name, entry in naming.items():
        path = world.path(entry["path"].replace("{org_id}", str(world.other.id)))
        reads = entry["method"] in {"GET", "DELETE"}
        options = {} if reads else {"json": bodies.get(name, {})}
        answer = caller.call(entry["method"], path, **options)
        answers[name] = answer.status_code, answer.json.get("code")
    assert answers == dict.fromkeys(naming, (404, "not_found"))


@pytest.mark.parametrize("name", sorted(SIGNED_IN))
def test_a_person_who_is_logged_in_sees_what_is_theirs(app: Flask, world: World, name: str) -> None:
    entry = SIGNED_IN[name]
    allowed = {"a session": browser(app, world.admins[0])}
    allowed |= {
        f"a key with {scope}": program(app, world.factory.api_key(world.org, scope))
        for scope in Scope
    }
    for who, caller in allowed.items():
        assert send(caller, entry, entry["path"])[0] == 200, who
    refused = {"nobody", "a revoked key", "an expired key", "a leaver's key", "an unknown key",
               "a malformed key", "a password in a header", "a session with a bad key"}  # fmt: skip
    answers = {who: send(caller, entry, entry["path"])[0] for who, caller, _ in world.strangers()}
    assert {who for who, status in answers.items() if status == 401} == refused


def test_an_orgs_key_sees_no_other_org(app: Flask, world: World) -> None:
    user = world.factory.user()
    for org in (world.org, world.other):
        world.factory.membership(org, Role.ADMIN, user)
    key = program(app, world.factory.api_key(world.org, user=user))
    assert [org["id"] for org in key.get("/api/orgs").json["orgs"]] == [str(world.org.id)]
    assert len(browser(app, user.id).get("/api/orgs").json["orgs"]) == 2


def test_the_scope_map_has_every_route_and_no_other(app: Flask) -> None:
    routed = {one.id: (one.method, one.path) for one in operations(app)}
    assert {name: (e["method"], e["path"]) for name, e in ENTRIES.items()} == routed
    under_api = {
        rule.endpoint.replace(".", "__")
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/") and rule.endpoint not in UNDESCRIBED
    }
    assert under_api == set(ENTRIES)
