"""If-Match is compared under a lock: of two changes with one ETag at once, one is made."""

import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask

from gitlab_links.accounts.api_keys import create_key, rotate_key
from gitlab_links.accounts.models import Org
from gitlab_links.accounts.orgs import update_org
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role, Scope
from gitlab_links.api.contract import operations
from gitlab_links.backfills.changes import start, stop
from gitlab_links.extensions import db
from gitlab_links.http.conditional import takes_if_match
from gitlab_links.invitations.changes import resend
from gitlab_links.links.provenance import keep
from gitlab_links.rules.changes import RulesChange, change_rules
from gitlab_links.saved_views.changes import change_view
from gitlab_links.waiting.accounts import set_gitlab_username
from tests.api.callers import browser
from tests.factories import Factory
from tests.hanging import HANGS
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
    "accounts__org_patch": _org,
    "accounts__api_key_delete": _key,
    "accounts__invitation_delete": _invitation,
}


@pytest.fixture
def world(app: Flask, factory: Factory, org: Org) -> World:
    return World(app, factory, org, factory.principal(org, Role.ADMIN))


@pytest.mark.only_on("postgresql")  # SQLite has one writer.
@pytest.mark.parametrize("operation", RACES)
def test_a_change_waits_for_another_before_it_compares(
    app: Flask, world: World, base: str, operation: str
) -> None:
    raced = RACES[operation](world)
    admin = browser(app, world.principal.user_id)
    etag = admin.get(base + raced.path).headers["ETag"]
    statuses: list[int] = []

    def late() -> None:
        options = {} if raced.body is None else {"json": raced.body}
        headers = {"If-Match": etag}
        answer = admin.call(raced.method, base + raced.path, headers=headers, **options)
        statuses.append(answer.status_code)

    thread = threading.Thread(target=late)
    with app.app_context():
        raced.meanwhile()
        db.session.flush()
        thread.start()
        wait_for_somebody_to_wait()
        db.session.commit()
    thread.join(HANGS)
    assert statuses == [412]


def _changes(app: Flask) -> Iterator[tuple[str, str, bool]]:
    """Each PATCH and DELETE: its name, its path, and whether it compares If-Match."""
    for one in operations(app):
        if one.method in {"PATCH", "PUT", "DELETE"}:
            yield one.id, one.path, takes_if_match(app.view_functions[one.endpoint])


def test_what_can_be_read_is_compared_under_a_lock_and_nothing_else_is(app: Flask) -> None:
    read = {one.path for one in operations(app) if one.method == "GET"}
    wrong = [name for name, path, compared in _changes(app) if compared is not (path in read)]
    assert wrong == []


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
