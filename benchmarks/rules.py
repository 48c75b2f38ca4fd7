"""What status rules add to working off webhooks: the same backlog with rules on and off."""

import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select

from benchmarks.report import Result, Row, at_most, median
from benchmarks.seeds import World, forget_deliveries, make_world
from benchmarks.stage import Stage
from benchmarks.webhooks import BODY_BYTES, Item, issue_event
from gitlab_links.accounts.models import Membership
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.deliveries.claims import has_due as deliveries_due
from gitlab_links.deliveries.models import DeliveryStatus, GitLabWebhookDelivery
from gitlab_links.extensions import db
from gitlab_links.jobs.drains import drain_slice
from gitlab_links.jobs.rule_slices import rules_slice
from gitlab_links.links.models import GitLabProject
from gitlab_links.rules.changes import RulesChange, change_rules, switch_off, switch_on, try_rules
from gitlab_links.rules.evaluation import has_due
from gitlab_links.storage.database import new_id

PROJECTS, PER_PROJECT, EVENTS_PER_ITEM = 20, 25, 4
ROUNDS = 3
LIMIT = 1.15

# The state that the event of this number tells.
States = Callable[[int], str]


def run(stage: Stage) -> Result:
    """With a state that every fourth event changes, and every one. Both in this process: its CPU
    says more than the clock of a busy machine. One task an item, so that no task is looked at
    for two items at once.
    """
    world = make_world(stage, "rules", projects=PROJECTS, issues=PER_PROJECT, links_per_task=1)
    admin = _admin(world)
    rows: list[Row] = []
    for what, states in (
        ("one event in four changes a state", lambda number: _in_turns(number == 3)),
        ("every event changes a state", _in_turns),
    ):
        found: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
        for _ in range(ROUNDS):
            for ruled in (False, True):
                _set_rules(world, admin, ruled=ruled)
                found[ruled].append(_drain(world, states))
        rows += _rows(what, found[True], found[False])
    return Result(rows)


def _in_turns(number: int) -> str:
    return "closed" if number % 2 else "opened"


def _rows(what: str, on: list[tuple[float, float]], off: list[tuple[float, float]]) -> list[Row]:
    cpu = [median([run[1] for run in runs]) for runs in (on, off)]
    seconds = [median([run[0] for run in runs]) for runs in (on, off)]
    return [
        at_most(f"{what}: CPU of draining with rules on, and off", *cpu, LIMIT, "s"),
        Row(f"{what}: seconds with rules on, and off", *(f"{one:.1f} s" for one in seconds)),
    ]


def _admin(world: World) -> Principal:
    with world.app.app_context():
        user_id = db.session.scalars(
            select(Membership.user_id).where(Membership.org_id == world.org_id)
        ).one()
    return Principal(world.org_id, user_id, Role.ADMIN)


def _set_rules(world: World, admin: Principal, *, ruled: bool) -> None:
    """On, after a dry run; issues count, because the simulated GitLab has many of them. No task
    is done at once: each change waits, as it does for people.
    """
    with world.app.app_context():
        if not ruled:
            switch_off(admin)
            db.session.commit()
            return
        change_rules(admin, RulesChange(count_issues=True, wait_seconds=3600))
        try_rules(admin)
        db.session.commit()
        while has_due(world.org_id, utcnow()):
            rules_slice(world.org_id)
        switch_on(admin)
        db.session.commit()


def _drain(world: World, states: States) -> tuple[float, float]:
    """Seconds until the backlog is worked off and the rules have looked at it; CPU seconds."""
    store_backlog(world, states)
    with world.app.app_context():
        began, cpu = time.perf_counter(), time.process_time()
        while deliveries_due(world.org_id, utcnow()):
            drain_slice(world.org_id)
            rules_slice(world.org_id)
        while has_due(world.org_id, utcnow()):
            rules_slice(world.org_id)
        found = time.perf_counter() - began, time.process_time() - cpu
        db.session.rollback()
    forget_deliveries(world)
    return found


def cpu_of_draining(world: World) -> float:
    """CPU seconds of this process until the backlog is worked off, without rules. The caller has
    pushed a context.
    """
    began = time.process_time()
    while deliveries_due(world.org_id, utcnow()):
        drain_slice(world.org_id)
    spent = time.process_time() - began
    db.session.rollback()
    return spent


def store_backlog(world: World, states: States) -> None:
    now = utcnow()
    items, known = world.spread(PER_PROJECT), _project_rows(world)
    rows = [
        _delivery(world, item, states(number), now + timedelta(milliseconds=number), known)
        for number in range(EVENTS_PER_ITEM)
        for item in items
    ]
    with world.app.app_context():
        for start in range(0, len(rows), 1000):
            db.session.execute(insert(GitLabWebhookDelivery), rows[start : start + 1000])
        db.session.commit()


def _project_rows(world: World) -> dict[int | None, uuid.UUID]:
    """By GitLab's id: each hook has a secret of its own, so its bodies are trusted at once."""
    project = GitLabProject
    with world.app.app_context():
        rows = db.session.execute(
            select(project.gitlab_id, project.id).where(project.org_id == world.org_id)
        )
        return {row.gitlab_id: row.id for row in rows}


def _delivery(
    world: World,
    item: Item,
    state: str,
    moment: datetime,
    project_rows: dict[int | None, uuid.UUID],
) -> dict[str, Any]:
    body = issue_event(item, f"As of {moment.isoformat()}", moment)
    if state == "closed":
        closed = f'"state":"closed","closed_at":"{moment.isoformat()}"'.encode()
        body = body.replace(b'"closed_at":null,', b"").replace(b'"state":"opened"', closed)
    return {
        "id": new_id(),
        "org_id": world.org_id,
        "status": DeliveryStatus.RECEIVED,
        "due_at": moment,
        "received_at": moment,
        "size_bytes": BODY_BYTES,
        "payload_sha256": "",
        "headers": {"X-Gitlab-Event": "Issue Hook"},
        "payload": body,
        "hook_project_id": project_rows[item.project_id],
    }
