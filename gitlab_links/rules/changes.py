"""Choosing what the rules do, trying them, and switching them on and off. Nothing here commits."""

import re
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, or_, select, update

from gitlab_links.accounts.principal import Principal
from gitlab_links.audit.changes import Action, write_audit_event
from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict, Invalid
from gitlab_links.extensions import change_rows, db
from gitlab_links.gitlab.items import ItemState, ItemType
from gitlab_links.job_triggers import JobKind, trigger_after_commit
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.rule_states.marking import mark_tasks
from gitlab_links.rule_states.models import (
    LONGEST_WAIT_SECONDS,
    OrgRules,
    RulesMode,
    TaskRuleState,
)
from gitlab_links.storage.database import insert_and_lock
from gitlab_links.tasks.models import Task

MOST_BRANCHES = 20
# A statement has seconds, however many tasks an org has.
ROWS_AT_ONCE = 20_000
LONGEST_BRANCH = 255
BRANCH = r"^[!-~]+$"
_BRANCH = re.compile(BRANCH)


class RulesNotTried(Conflict, code="rules_not_tried"):
    """The rules were not tried as they are now."""


class RulesNotStopped(Conflict, code="rules_not_stopped"):
    """The rules have not stopped."""


class DryRunRunning(Conflict, code="dry_run_running"):
    """The dry run has not looked at every task yet."""


@dataclass(frozen=True, slots=True)
class RulesChange:
    """What to change; None leaves a value as it is."""

    started: bool | None = None
    all_merged: bool | None = None
    reopened: bool | None = None
    branches: Sequence[str] | None = None
    count_mentions: bool | None = None
    count_issues: bool | None = None
    count_forks: bool | None = None
    wait_seconds: int | None = None


def change_rules(principal: Principal, change: RulesChange) -> OrgRules:
    """Change and audit what is given. Raises :class:`Invalid`.

    Tasks are only changed by what happens after it: what the new rules want of each is computed
    first.
    """
    rules = lock_rules(principal.org_id)
    values = {one.name: getattr(change, one.name) for one in fields(change)}
    if values["branches"] is not None:
        values["branches"] = checked_branches(values["branches"])
    _check_wait(values["wait_seconds"])
    changed = {
        name: value
        for name, value in values.items()
        if value is not None and value != getattr(rules, name)
    }
    for name, value in changed.items():
        setattr(rules, name, value)
    if changed:
        _audit(principal, changed)
    if changed.keys() - {"wait_seconds"} and rules.mode != RulesMode.OFF:
        _start_over(rules)
    db.session.flush()
    return rules


def checked_branches(patterns: Sequence[str]) -> list[str]:
    """The patterns without repetitions. Raises :class:`Invalid`."""
    found = list(dict.fromkeys(patterns))
    bad = [one for one in found if len(one) > LONGEST_BRANCH or _BRANCH.fullmatch(one) is None]
    if bad:
        message = f"This is no name or pattern of a branch: {bad[0][:60]}. Example: release/*"
        raise Invalid("The rules were not changed.", errors={"branches": [message]})
    if len(found) > MOST_BRANCHES:
        message = f"Name at most {MOST_BRANCHES} branches. A * stands for any text."
        raise Invalid("The rules were not changed.", errors={"branches": [message]})
    return found


def _check_wait(seconds: int | None) -> None:
    if seconds is not None and not 0 <= seconds <= LONGEST_WAIT_SECONDS:
        message = f"Choose from 0 to {LONGEST_WAIT_SECONDS} seconds."
        raise Invalid("The rules were not changed.", errors={"wait_seconds": [message]})


def try_rules(principal: Principal) -> OrgRules:
    """Begin the dry run: what the rules want of every task is computed and kept up to date, and
    no task is changed. Nothing happens unless they are off.
    """
    rules = lock_rules(principal.org_id)
    if rules.mode == RulesMode.OFF:
        rules.mode = RulesMode.TRIAL.value
        _audit(principal, {"mode": rules.mode})
        _start_over(rules)
        _ask_for_branches(principal.org_id, utcnow())
    return rules


def switch_on(principal: Principal) -> OrgRules:
    """Let the rules change tasks from now on; no task changes by this alone. What they kept back
    after a stop is given up.

    Raises :class:`RulesNotTried` and :class:`DryRunRunning`.
    """
    rules = lock_rules(principal.org_id)
    if rules.mode == RulesMode.OFF:
        raise RulesNotTried("Try the rules first, and read what they would change.")
    if rules.mode == RulesMode.ON:
        return rules
    if is_running(rules):
        raise DryRunRunning("The dry run has not looked at every task yet. Try again in a moment.")
    _of_held(rules, held_since=None)
    rules.mode, rules.stopped_at = RulesMode.ON.value, None
    _audit(principal, {"mode": rules.mode})
    db.session.flush()
    return rules


def apply_held(principal: Principal) -> OrgRules:
    """Switch the rules on again after a stop, and have them make the changes that they kept back,
    however many: where the links still call for it, and nobody has set the status since.

    Raises :class:`RulesNotStopped`.
    """
    rules = lock_rules(principal.org_id)
    if rules.mode != RulesMode.STOPPED:
        raise RulesNotStopped("The rules have not stopped, so they have kept nothing back.")
    held = _of_held(rules, due_at=utcnow())
    rules.mode, rules.stopped_at = RulesMode.ON.value, None
    _audit(principal, {"mode": rules.mode, "applied": held})
    db.session.flush()
    trigger_after_commit(db.session, JobKind.APPLY_RULES, principal.org_id)
    return rules


def _of_held(rules: OrgRules, **values: datetime | None) -> int:
    """Change the states of tasks whose change was kept back; locked in the order of their ids, as
    everybody does. Returns how many.
    """
    state = TaskRuleState
    held = (
        select(state.task_id)
        .where(
            state.org_id == rules.org_id,
            state.held_since.is_not(None),
            state.version == rules.version,
        )
        .order_by(state.task_id)
        .with_for_update()
    )
    return change_rows(update(state).where(state.task_id.in_(held)).values(values))


def switch_off(principal: Principal) -> OrgRules:
    """Stop the rules, or end the dry run. Tasks keep their status."""
    rules = lock_rules(principal.org_id)
    if rules.mode != RulesMode.OFF:
        rules.mode, rules.stopped_at = RulesMode.OFF.value, None
        _audit(principal, {"mode": rules.mode})
        db.session.flush()
    return rules


def find_rules(org_id: uuid.UUID) -> OrgRules | None:
    """The rules of an org; None if nobody has chosen anything yet."""
    return db.session.get(OrgRules, org_id, populate_existing=True)


def rules_stopped(org_ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, datetime]:
    """When the rules stopped, by org; only orgs whose rules are stopped."""
    rows = db.session.execute(
        select(OrgRules.org_id, OrgRules.stopped_at).where(
            OrgRules.org_id.in_(org_ids), OrgRules.stopped_at.is_not(None)
        )
    )
    return {row.org_id: row.stopped_at for row in rows if row.stopped_at is not None}


def is_running(rules: OrgRules) -> bool:
    """Whether tasks wait that the rules have not looked at as they are now."""
    state = TaskRuleState
    waiting = exists().where(
        state.org_id == rules.org_id, state.due_at.is_not(None), state.version != rules.version
    )
    return bool(db.session.scalar(select(waiting)))


def lock_rules(org_id: uuid.UUID) -> OrgRules:
    """The row, made if needed; the lock makes concurrent changes wait."""
    return insert_and_lock(db.session, OrgRules, {"org_id": org_id})


def _start_over(rules: OrgRules) -> None:
    """Have every task looked at by the rules as they are now."""
    rules.version += 1
    db.session.flush()
    ours = Task.org_id == rules.org_id
    last = db.session.scalar(select(func.max(Task.number)).where(ours)) or 0
    for start in range(0, last, ROWS_AT_ONCE):
        some = Task.number.between(start + 1, start + ROWS_AT_ONCE)
        mark_tasks(rules.org_id, select(Task.id).where(ours, some), utcnow(), quietly=True)


def _ask_for_branches(org_id: uuid.UUID, now: datetime) -> None:
    """Have merge requests fetched whose branches are not known: they are merged, and would not
    be fetched for a day.
    """
    item, project = GitLabItem, GitLabProject
    unknown = select(project.id).where(project.org_id == org_id, project.default_branch.is_(None))
    some = (
        select(item.id)
        .where(
            item.org_id == org_id,
            item.type == ItemType.MERGE_REQUEST.value,
            item.state == ItemState.MERGED.value,
            or_(item.target_branch.is_(None), item.project_id.in_(unknown)),
            item.refresh_requested_at.is_distinct_from(now),
        )
        .limit(ROWS_AT_ONCE)
    )
    asking = update(item).values(refresh_requested_at=now, next_sync_at=now)
    while change_rows(asking.where(item.id.in_(some))) == ROWS_AT_ONCE:
        pass
    trigger_after_commit(db.session, JobKind.SYNC, org_id)


def _audit(principal: Principal, changed: dict[str, Any]) -> None:
    write_audit_event(
        principal.org_id, principal.actor, Action.RULES_CHANGED, principal.org_id, changed
    )
