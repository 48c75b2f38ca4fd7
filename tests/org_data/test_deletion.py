"""An org is deleted in pieces, our webhooks first, and nothing of another one."""

import contextvars
import uuid
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from gitlab_links.accounts.models import Membership, Org
from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.health.hook_repair import repair_now
from gitlab_links.jobs import org_deletions
from gitlab_links.jobs.operations import run_operations, trigger_operations
from gitlab_links.links.models import GitLabProject
from gitlab_links.observations.hook_states import HookState
from gitlab_links.observations.watched_projects import watched_projects
from gitlab_links.operations.models import Operation, OperationStatus
from gitlab_links.operations.queue import LEASE, take_next
from gitlab_links.org_data import deleting
from gitlab_links.storage.database import Base, new_id
from tests.api.callers import Caller, browser, program
from tests.factories import Factory
from tests.jobs.conftest import Connected, connected, org
from tests.pages.markup import text_of

__all__ = ["connected", "org"]
pytestmark = pytest.mark.differs_by_database


@pytest.fixture
def admin(app: Flask, factory: Factory, connected: Connected) -> Caller:
    return browser(app, factory.membership(connected.org, Role.ADMIN).user_id)


@pytest.fixture
def hooked(connected: Connected, factory: Factory) -> Connected:
    """With a webhook of ours in GitLab, and rows in many tables."""
    for _ in range(3):
        connected.link(connected.issue(connected.project()))
    connected.fetch()
    factory.api_key(connected.org)
    factory.service_account(connected.org)
    [project_id] = db.session.scalars(select(GitLabProject.id)).all()
    db.session.rollback()
    repair_now(factory.principal(connected.org, Role.ADMIN), project_id)
    db.session.commit()
    assert len(connected.gitlab.state.hooks.by_id) == 1
    return connected


def send(who: Caller, org: Org, name: str, **fields: str) -> Any:
    """Outside of the context of the jobs, which remembers who is logged in."""
    path, data = f"/orgs/{org.id}/settings/delete", {"typed_name": name, **fields}
    return contextvars.Context().run(who.post, path, data=data)


def see(who: Caller, org_id: uuid.UUID) -> str:
    return text_of(contextvars.Context().run(who.get, f"/org-deletions/{org_id}"))


def rows_of(org_id: uuid.UUID) -> dict[str, int]:
    counts = {}
    for table in Base.metadata.sorted_tables:
        if "org_id" in table.c:
            counted = select(func.count()).where(table.c.org_id == org_id)
            counts[table.name] = db.session.scalar(counted.select_from(table)) or 0
    db.session.rollback()
    return {name: count for name, count in counts.items() if count}


def test_nothing_is_left_of_it_here_or_in_gitlab_and_other_orgs_stay(
    hooked: Connected, admin: Caller, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deleting, "PIECE", 2)
    monkeypatch.setattr(org_deletions, "SLICE_SECONDS", 0.0)
    other = factory.org()
    factory.link(factory.task(other))
    key, org = factory.api_key(hooked.org), hooked.org
    (hook,) = hooked.gitlab.state.hooks.by_id.values()
    hooked.gitlab.state.hooks.add(hook.of, hook.url, token="added by hand")
    before = rows_of(other.id)
    assert send(admin, org, org.name, remove_hooks="1").status_code == 302
    assert "Waiting for a worker" in see(admin, org.id)
    for _ in range(200):
        run_operations(org.id)
        if db.session.get(Org, org.id) is None:
            break
    assert rows_of(org.id) == {}
    assert hooked.gitlab.state.hooks.by_id == {}
    assert rows_of(other.id) == before
    assert "The org is gone" in see(admin, org.id)
    caller = program(admin.client.application, key)
    assert contextvars.Context().run(caller.get, f"/api/orgs/{org.id}").status_code == 401


def test_a_hook_that_gitlab_keeps_stops_the_deletion_before_it_begins(
    hooked: Connected, admin: Caller
) -> None:
    org = hooked.org
    before = rows_of(org.id)
    hooked.gitlab.state.people.tokens.clear()
    send(admin, org, org.name, remove_hooks="1")
    run_operations(org.id)
    assert rows_of(org.id) == {**before, "operations": before.get("operations", 0) + 1}
    assert "could not be removed" in see(admin, org.id)
    send(admin, org, org.name)
    while db.session.get(Org, org.id) is not None:
        db.session.rollback()
        run_operations(org.id)
    db.session.rollback()
    assert rows_of(org.id) == {}


def test_a_deletion_that_stops_midway_leaves_the_removed_hooks_as_missing(
    hooked: Connected, admin: Caller, factory: Factory
) -> None:
    org, second = hooked.org, hooked.project("acme/second")
    hooked.link(hooked.issue(second))
    hooked.fetch()
    found = select(GitLabProject.id).where(GitLabProject.path == "acme/second")
    second_row = db.session.scalars(found).one()
    db.session.rollback()
    repair_now(factory.principal(org, Role.ADMIN), second_row)
    db.session.commit()
    hooked.gitlab.state.faults.answer("status", status=403, times=None, project_id=second.id)
    send(admin, org, org.name, remove_hooks="1")
    run_operations(org.id)
    run_operations(org.id)
    assert "The webhook of acme/second could not be removed" in see(admin, org.id)
    states = {one.path: one.hook_state for one in watched_projects(org.id, utcnow())}
    db.session.rollback()
    assert states == {"acme/press": HookState.MISSING, "acme/second": HookState.OK}


def test_hooks_at_a_gitlab_that_the_org_has_left_are_named_and_stay(
    hooked: Connected, admin: Caller, factory: Factory
) -> None:
    org, left = hooked.org, hooked.gitlab.state
    shown = contextvars.Context().run(admin.get, f"/orgs/{org.id}/settings")
    assert "has left" not in text_of(shown)
    factory.connect(org, base_url="https://gitlab.example.org", token="glpat-there")
    shown = contextvars.Context().run(admin.get, f"/orgs/{org.id}/settings")
    assert f"{hooked.gitlab.url}/acme/press" in text_of(shown)
    send(admin, org, org.name, remove_hooks="1")
    run_operations(org.id)
    assert "The org is gone" in see(admin, org.id)
    assert rows_of(org.id) == {}
    assert len(left.hooks.by_id) == 1


def test_hooks_that_are_left_after_disconnecting_are_named(
    hooked: Connected, admin: Caller
) -> None:
    path = f"/api/orgs/{hooked.org.id}/integrations/gitlab"
    assert contextvars.Context().run(admin.delete, path).status_code == 204
    shown = contextvars.Context().run(admin.get, f"/orgs/{hooked.org.id}/settings")
    assert f"{hooked.gitlab.url}/acme/press" in text_of(shown)


def test_another_name_deletes_nothing(hooked: Connected, admin: Caller) -> None:
    answer = send(admin, hooked.org, "Another")
    assert (answer.status_code, "typed_name-error" in answer.text) == (422, True)
    db.session.rollback()
    assert db.session.scalars(select(Operation).filter_by(kind="delete_org")).all() == []


def test_a_worker_that_dies_midway_is_followed_by_another(hooked: Connected, admin: Caller) -> None:
    org = hooked.org
    send(admin, org, org.name)
    taken = take_next(org.id, utcnow())
    assert taken is not None
    db.session.commit()
    trigger_operations(utcnow() + 2 * LEASE)
    db.session.expire_all()
    assert db.session.get_one(Operation, taken.id).status == OperationStatus.QUEUED
    db.session.rollback()
    run_operations(org.id)
    assert rows_of(org.id) == {}


def test_whoever_is_no_admin_any_more_deletes_nothing(
    hooked: Connected, admin: Caller, factory: Factory
) -> None:
    org = hooked.org
    send(admin, org, org.name)
    operation = db.session.scalars(select(Operation).order_by(Operation.id.desc())).first()
    assert operation is not None
    membership = db.session.scalars(
        select(Membership).filter_by(user_id=operation.requested_by)
    ).one()
    membership.role = Role.PM.value
    db.session.commit()
    run_operations(org.id)
    assert db.session.get(Org, org.id) is not None


def test_a_stranger_cannot_tell_an_org_from_none(
    app: Flask, factory: Factory, hooked: Connected, admin: Caller
) -> None:
    send(admin, hooked.org, hooked.org.name)
    stranger = browser(app, factory.membership(factory.org(), Role.ADMIN).user_id)
    assert see(stranger, hooked.org.id) == see(stranger, new_id())


def test_the_command_wants_the_name(app: Flask, factory: Factory) -> None:
    org, other = factory.org(name="Acme"), factory.org()
    factory.link(factory.task(org))
    run = app.test_cli_runner().invoke
    assert run(args=["delete-org", str(org.id), "--name", "Acne"]).exit_code == 1
    asked = run(args=["delete-org", str(org.id)], input="Acne\n")
    assert (asked.exit_code, "deletes the org Acme with" in asked.output) == (1, True)
    assert "confirm with --name" in run(args=["delete-org", str(org.id)]).output
    done = run(args=["delete-org", str(org.id), "--name", "Acme"])
    assert done.exit_code == 0, done.output
    with app.app_context():
        assert db.session.scalars(select(Org.id)).all() == [other.id]
    typed = run(args=["delete-org", str(other.id)], input=f"{other.name}\n")
    assert f"Deleted {other.name}" in typed.output
