"""Every page meets everybody: roles, strangers, another org's people and ids."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import Rule

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from gitlab_links.audit.models import AuditEvent
from gitlab_links.http.access import Kind, declaration_of
from tests.api.callers import browser, nobody, program
from tests.factories import Factory

LET_IN = frozenset({200, 201, 302, 304, 404, 409, 422})
# Whoever may send these is no member afterwards.
ENDS_THE_CALLER = frozenset({"pages.leave"})


class World:
    """Two orgs, and addresses of things in the first."""

    def __init__(self, app: Flask, factory: Factory) -> None:
        self.app, self.factory = app, factory
        self.org, self.other = factory.org(task_key="ACME"), factory.org(task_key="OTHER")
        for org in (self.org, self.other):
            factory.integration(org)
            factory.membership(org, Role.ADMIN)

    def routes(self) -> list[tuple[str, Rule]]:
        """Every method of every page that belongs to an org."""
        return [
            (method, rule)
            for rule in self.app.url_map.iter_rules()
            if rule.endpoint.startswith("pages.") and "org_id" in rule.arguments
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        ]

    def path(self, rule: Rule, *, within: Org | None = None) -> str:
        """The address of something that is there, seen from within another org if given."""
        makers: dict[str, Callable[[], Any]] = {
            "member_id": lambda: self.factory.membership(self.org).id,
            "invitation_id": lambda: self.factory.invitation(self.org).id,
            "key_id": self._key,
            "account_id": lambda: self.factory.service_account(self.org).id,
            "delivery_id": lambda: self.factory.delivery(self.org).id,
            "endpoint_id": lambda: self.factory.endpoint(self.org).id,
            "view_id": lambda: self.factory.saved_view(self.org).id,
            "project_id": lambda: self.factory.gitlab_project(self.org).id,
        }
        values: dict[str, Any] = {"org_id": (within or self.org).id}
        if "link_id" in rule.arguments:
            link = self.factory.link(self.factory.task(self.org))
            values |= {"link_id": link.id, "reference": link.task_id}
        elif "reference" in rule.arguments:
            values["reference"] = self.factory.task(self.org).id
        if "sent_id" in rule.arguments:
            sent = self.factory.sent(self.org)
            values |= {"sent_id": sent.id, "endpoint_id": sent.endpoint_id}
        if "step" in rule.arguments:
            values["step"] = "stop"
        if "table" in rule.arguments:
            values["table"] = "needs"
        values |= {
            name: makers[name]() for name in rule.arguments if name in makers and name not in values
        }
        with self.app.test_request_context():
            return self.app.url_map.bind("").build(rule.endpoint, values)

    def _key(self) -> Any:
        from sqlalchemy import select

        from gitlab_links.accounts.models import ApiKey
        from gitlab_links.extensions import db

        self.factory.api_key(self.org)
        with self.app.app_context():
            newest = select(ApiKey.id).where(ApiKey.org_id == self.org.id)
            return db.session.scalars(newest.order_by(ApiKey.id.desc())).first()


@pytest.fixture
def world(app: Flask, factory: Factory) -> World:
    factory.add(AuditEvent(org_id=factory.org().id, action="org.updated", detail={}))
    return World(app, factory)


def test_there_are_pages(world: World) -> None:
    assert len(world.routes()) >= 25


@pytest.mark.parametrize("role", list(Role))
def test_roles_may_what_the_view_declares(world: World, role: Role) -> None:
    user_id = world.factory.membership(world.org, role).user_id
    for method, rule in world.routes():
        declaration = declaration_of(world.app, rule.endpoint, method)
        assert declaration is not None
        assert declaration.kind is Kind.ORG
        assert declaration.permission is not None
        who = user_id
        if rule.endpoint in ENDS_THE_CALLER:
            who = world.factory.membership(world.org, role).user_id
        answer = browser(world.app, who).call(method, world.path(rule))
        where = (method, rule.rule, answer.status_code)
        if rule.endpoint == "pages.renew_key":
            assert answer.status_code == 403, where  # the key is somebody else's
        elif role in declaration.permission.roles:
            assert answer.status_code in LET_IN, where
        else:
            assert answer.status_code == 403, where


def test_nobody_is_sent_to_the_login(world: World) -> None:
    for method, rule in world.routes():
        answer = nobody(world.app).call(method, world.path(rule))
        assert answer.status_code == 302, rule.rule
        assert answer.headers["Location"].startswith("/login")


def test_another_org_is_not_found(world: World) -> None:
    stranger = browser(world.app, world.factory.membership(world.other, Role.ADMIN).user_id)
    for method, rule in world.routes():
        assert stranger.call(method, world.path(rule)).status_code == 404, rule.rule


def test_ids_of_another_org_are_not_found(world: World) -> None:
    stranger = browser(world.app, world.factory.membership(world.other, Role.ADMIN).user_id)
    for method, rule in world.routes():
        if rule.arguments <= {"org_id", "table"}:  # the name of a table is no id
            continue
        path = world.path(rule, within=world.other)
        data = {"role": "member", "seen": "member", "status": "done", "title": "Mine"}
        answer = stranger.call(method, path, data=data if method == "POST" else None)
        followed = answer.status_code == 302 and rule.endpoint == "pages.task_links"
        assert answer.status_code == 404 or followed, (method, rule.rule, answer.status_code)


def test_a_post_without_the_token_of_the_session_does_nothing(world: World) -> None:
    user_id = world.factory.membership(world.org, Role.ADMIN).user_id
    visitor = browser(world.app, user_id, csrf=False)
    for method, rule in world.routes():
        if method == "POST":
            answer = visitor.post(world.path(rule))
            assert answer.status_code == 403, rule.rule
            assert "session has changed" in answer.text


def test_api_keys_open_no_page_and_no_file_and_lead_to_no_login(world: World) -> None:
    key = program(world.app, world.factory.api_key(world.org))
    wrong = program(world.app, "glk_" + "x" * 43)
    for method, rule in world.routes():
        path = world.path(rule)
        answer, other = key.call(method, path), wrong.call(method, path)
        assert (answer.status_code, answer.json["code"]) == (401, "unauthorized"), rule.rule
        assert answer.content_type == "application/problem+json"
        assert "under /api/" in answer.json["detail"]
        assert other.get_data() == answer.get_data()
