"""If-Match is compared under a lock: of two changes with one ETag at once, one is made."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask

from gitlab_links.accounts.api_keys import create_key, rotate_key
from gitlab_links.accounts.members import change_role
from gitlab_links.accounts.models import Org
from gitlab_links.accounts.orgs import lock_org, update_org
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role, Scope
from gitlab_links.accounts.service_accounts import change_service_account
from gitlab_links.api.contract import operations
from gitlab_links.backfills.changes import start, stop
from gitlab_links.extensions import db
from gitlab_links.http.conditional import takes_if_match
from gitlab_links.integrations.policy import PolicyChange
from gitlab_links.invitations.changes import resend
from gitlab_links.links.provenance import keep
from gitlab_links.outgoing import alerts
from gitlab_links.outgoing.alerts import alert_endpoint
from gitlab_links.outgoing.endpoints import EndpointChange, update_endpoint
from gitlab_links.outgoing.models import OutgoingEndpoint
from gitlab_links.rules.changes import RulesChange, change_rules
from gitlab_links.saved_views.changes import change_view
from gitlab_links.tasks.changes import update_task
from gitlab_links.waiting.accounts import set_gitlab_username
from tests.api.callers import browser
from tests.beside import Beside
from tests.factories import Factory
from tests.lock_waits import wait_for_somebody_to_wait


@dataclass(frozen=True)
class World:
    """An org with an admin, for making what is changed."""

    app: Flask
    factory: Factory
    org: Org
    principal: Principal


@dataclass(frozen=True)
class Raced:
    """What is changed: its path in the org, somebody's change of it, and another one's request."""

    path: str
    meanwhile: Callable[[], object]
    method: str = "DELETE"
    body: dict[str, Any] | None = None


class Late:
    """A request with the ETag that was read before, beside what the test does."""

    def __init__(self, world: World, raced: Raced, base: str) -> None:
        self._app, self._caller = world.app, browser(world.app, world.principal.user_id)
        self._raced, self._path = raced, base + raced.path
        self._etag = self._caller.get(self._path).headers["ETag"]
        self._statuses: list[int] = []

    def start(self) -> None:
        """Send it; returns when it waits for a lock."""
        self._request = Beside(self._app, self._send)
        wait_for_somebody_to_wait()

    def end(self) -> int:
        assert self._request.end() == []
        [status] = self._statuses
        return status

    def _send(self) -> None:
        options = {} if self._raced.body is None else {"json": self._raced.body}
        headers = {"If-Match": self._etag}
        answer = self._caller.call(self._raced.method, self._path, headers=headers, **options)
        self._statuses.append(answer.status_code)


def _view(world: World, *, shared: bool) -> tuple[str, Callable[[], object]]:
    principal = world.principal
    view = world.factory.saved_view(world.org, principal=None if shared else principal)
    path = f"/{'shared-' if shared else ''}task-views/{view.id}"
    return path, lambda: change_view(principal, view.id, shared=shared, name="Theirs")


def _link(world: World) -> tuple[str, Callable[[], object]]:
    link = world.factory.link(
        world.factory.task(world.org), made_by_person=False, mentioned_in=["title"]
    )
    path = f"/tasks/{link.task_id}/gitlab-links/{link.id}"
    return path, lambda: keep(world.principal, link.task_id, link.id)


def _backfill(world: World) -> Raced:
    world.factory.connect(world.org, base_url="https://gitlab.example.com", token="glpat-x")
    with world.app.app_context():
        backfill_id = start(world.principal).id
        db.session.commit()
    path = f"/integrations/gitlab/backfills/{backfill_id}"
    return Raced(path, lambda: stop(world.principal, backfill_id), "PATCH", {"step": "resume"})


def _key(world: World) -> Raced:
    with world.app.app_context():
        key_id: uuid.UUID = create_key(world.principal, "tests", [Scope.READ], None).key.id
        db.session.commit()
    return Raced(f"/api-keys/{key_id}", lambda: rotate_key(world.principal, key_id))


def _invitation(world: World) -> Raced:
    invitation_id = world.factory.invitation(world.org).id
    return Raced(f"/invitations/{invitation_id}", lambda: resend(world.principal, invitation_id))


def _rules(world: World) -> Raced:
    def theirs() -> None:
        change_rules(world.principal, RulesChange(branches=["main"]))

    return Raced("/status-rules", theirs, "PATCH", {"branches": ["other"]})


def _waiting(world: World) -> Raced:
    def theirs() -> None:
        set_gitlab_username(world.principal, "theirs")

    return Raced("/waiting", theirs, "PATCH", {"gitlab_username": "mine"})


def _member(world: World) -> tuple[str, Callable[[], object]]:
    member_id = world.factory.membership(world.org).id
    return f"/members/{member_id}", lambda: change_role(world.principal, member_id, Role.PM)


def _service_account(world: World) -> tuple[str, Callable[[], object]]:
    account_id = world.factory.service_account(world.org).id

    def theirs() -> None:
        change_service_account(world.principal, account_id, role=Role.CLIENT)

    return f"/service-accounts/{account_id}", theirs


def _endpoint(world: World) -> tuple[str, Callable[[], object]]:
    endpoint_id = world.factory.endpoint(world.org).id
    theirs = EndpointChange(enabled=False)
    path = f"/event-endpoints/{endpoint_id}"
    return path, lambda: update_endpoint(world.principal, endpoint_id, theirs)


def _task(world: World) -> tuple[str, Callable[[], object]]:
    task_id = world.factory.task(world.org).id
    return f"/tasks/{task_id}", lambda: update_task(world.principal, task_id, {"title": "Theirs"})


def _connection(world: World, path: str = "") -> tuple[str, Callable[[], object]]:
    world.factory.connect(world.org, base_url="https://gitlab.example.com", token="glpat-x")

    def theirs() -> None:
        alerts.update_policy(world.principal, PolicyChange(token_auto_rotate=True))

    return f"/integrations/gitlab{path}", theirs


def _org(world: World) -> Raced:
    def theirs() -> None:
        update_org(world.principal, name="Theirs")

    return Raced("", theirs, "PATCH", {"name": "Mine"})


RACES: dict[str, Callable[[World], Raced]] = {
    "tasks__saved_view_patch": lambda w: Raced(*_view(w, shared=False), "PATCH", {"name": "Mine"}),
    "tasks__saved_view_delete": lambda w: Raced(*_view(w, shared=False)),
    "tasks__shared_view_patch": lambda w: Raced(*_view(w, shared=True), "PATCH", {"name": "Mine"}),
    "tasks__shared_view_delete": lambda w: Raced(*_view(w, shared=True)),
    "links__task_gitlab_link_patch": lambda w: Raced(*_link(w), "PATCH", {"made_by_person": False}),
    "links__task_gitlab_link_delete": lambda w: Raced(*_link(w)),
    "links__waiting_patch": _waiting,
    "rules__status_rules_patch": _rules,
    "integrations__gitlab_backfill_patch": _backfill,
    "tasks__task_patch": lambda w: Raced(*_task(w), "PATCH", {"title": "Mine"}),
    "tasks__task_delete": lambda w: Raced(*_task(w)),
    "events__endpoint_patch": lambda w: Raced(*_endpoint(w), "PATCH", {"name": "Mine"}),
    "events__endpoint_delete": lambda w: Raced(*_endpoint(w)),
    "integrations__gitlab_policy_patch": lambda w: Raced(
        *_connection(w, "/policy"), "PATCH", {"notify_url": "https://chat.example.com/mine"}
    ),
    "integrations__gitlab_integration_patch": lambda w: Raced(
        *_connection(w), "PATCH", {"signing_token": ""}
    ),
    "integrations__gitlab_integration_delete": lambda w: Raced(*_connection(w)),
    "accounts__member_patch": lambda w: Raced(*_member(w), "PATCH", {"role": "client"}),
    "accounts__member_delete": lambda w: Raced(*_member(w)),
    "accounts__service_account_patch": lambda w: Raced(
        *_service_account(w), "PATCH", {"name": "Mine"}
    ),
    "accounts__service_account_delete": lambda w: Raced(*_service_account(w)),
    "accounts__org_patch": _org,
    "accounts__api_key_delete": _key,
    "accounts__invitation_delete": _invitation,
}


@pytest.fixture
def world(app: Flask, factory: Factory, org: Org) -> World:
    return World(app, factory, org, factory.principal(org, Role.ADMIN))


@pytest.mark.only_on("postgresql")  # SQLite has one writer.
@pytest.mark.parametrize(
    "operation",
    [pytest.param(one, marks=pytest.mark.slow) if n % 5 else one for n, one in enumerate(RACES)],
)
def test_a_change_waits_for_another_before_it_compares(
    app: Flask, world: World, base: str, operation: str
) -> None:
    raced = RACES[operation](world)
    late = Late(world, raced, base)
    with app.app_context():
        raced.meanwhile()
        db.session.flush()
        late.start()
        db.session.commit()
    assert late.end() == 412


@pytest.mark.only_on("postgresql")
@pytest.mark.parametrize("operation", ["accounts__member_patch", "accounts__member_delete"])
def test_no_change_of_a_member_waits_in_a_circle(
    app: Flask, world: World, base: str, operation: str
) -> None:
    raced = RACES[operation](world)
    late = Late(world, raced, base)
    with app.app_context():
        lock_org(world.org.id)  # a change begins with this
        late.start()
        raced.meanwhile()
        db.session.commit()
    assert late.end() == 412


@pytest.mark.only_on("postgresql")
def test_no_change_of_the_policy_waits_in_a_circle(
    app: Flask, world: World, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where alerts go is locked with the org, the rest of the policy with the connection."""
    late = Late(world, RACES["integrations__gitlab_policy_patch"](world), base)

    def overtaken(org_id: uuid.UUID) -> OutgoingEndpoint | None:
        monkeypatch.undo()
        late.start()
        return alert_endpoint(org_id)

    monkeypatch.setattr(alerts, "alert_endpoint", overtaken)
    with app.app_context():
        theirs = PolicyChange(token_auto_rotate=True)
        alerts.update_policy(world.principal, theirs, "https://chat.example.com/theirs")
        db.session.commit()
    assert late.end() == 412


def _changes(app: Flask) -> Iterator[tuple[str, str, bool]]:
    """Each PATCH and DELETE: its name, its path, and whether it compares If-Match."""
    for one in operations(app):
        if one.method in {"PATCH", "PUT", "DELETE"}:
            compares = takes_if_match(one.method, app.view_functions[one.endpoint])
            yield one.id, one.path, compares


def test_what_can_be_read_is_compared_under_a_lock_and_nothing_else_is(app: Flask) -> None:
    read = {one.path for one in operations(app) if one.method == "GET"}
    wrong = [name for name, path, compared in _changes(app) if compared is not (path in read)]
    assert wrong == []
    assert {name for name, _, compared in _changes(app) if compared} == RACES.keys()


def test_if_match_is_refused_where_nothing_can_be_compared(
    world: World, base: str, app: Flask
) -> None:
    """It would be a promise that nobody keeps."""
    admin, headers = browser(app, world.principal.user_id), {"If-Match": '"a"'}
    task = f"{base}/tasks/{world.factory.task(world.org).id}"
    for answer in (
        admin.delete(f"{task}/pin", headers=headers),
        admin.post(f"{task}/pin", headers=headers),
        admin.post(f"{base}/tasks", json={"title": "x"}, headers=headers),
    ):
        assert (answer.status_code, [*answer.json["errors"]]) == (422, ["If-Match"])
    assert admin.delete(f"{task}/pin").status_code == 204
