"""Look at the tasks that are due, and set the status of those whose *wanted* has changed.

The caller commits. A batch takes the same number of statements however many tasks it has.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, delete, exists, func, or_, select
from sqlalchemy.orm import load_only

from gitlab_links.accounts.models import Org
from gitlab_links.audit.changes import RULE, Action, write_audit_event
from gitlab_links.events.models import EventType
from gitlab_links.events.recording import NewEvent, record
from gitlab_links.extensions import change_rows, db
from gitlab_links.rule_states.models import LONGEST_WAIT_SECONDS, OrgRules, RulesMode, TaskRuleState
from gitlab_links.rules.choices import choices_of
from gitlab_links.rules.links import RuleLink, links_of_tasks
from gitlab_links.rules.wanted import (
    OUTSIDE,
    Rule,
    RuleChoices,
    Standing,
    Wanted,
    rule_for,
    standing_of,
    wanted,
)
from gitlab_links.tasks.models import Task, TaskStatus
from gitlab_links.tasks.summaries import task_reference

BATCH_SIZE = 200
# More changes than this in a minute are no ordinary day: the rules stop, and a person decides.
MOST_A_MINUTE = 50
MINUTE = timedelta(minutes=1)
LONGEST_WAIT = timedelta(seconds=LONGEST_WAIT_SECONDS)

log = structlog.get_logger(__name__)


def orgs_due(now: datetime) -> Sequence[uuid.UUID]:
    """The orgs with due tasks."""
    due = exists().where(TaskRuleState.org_id == OrgRules.org_id, _is_due(now))
    return db.session.scalars(
        select(OrgRules.org_id).where(OrgRules.mode != RulesMode.OFF.value, due)
    ).all()


def _is_due(now: datetime) -> ColumnElement[bool]:
    """Also if it is due later than any wait: then the clock was set back."""
    due_at = TaskRuleState.due_at
    return or_(due_at <= now, due_at > now + 2 * LONGEST_WAIT)


def has_due(org_id: uuid.UUID, now: datetime) -> bool:
    """Whether the org has due tasks."""
    due = exists().where(TaskRuleState.org_id == org_id, _is_due(now))
    return bool(db.session.scalar(select(due)))


def apply_rules(org_id: uuid.UUID, now: datetime) -> int:
    """Look at a batch of due tasks; returns how many.

    The lock on the org's rules makes one worker at a time count the changes of a minute, and
    keeps the rules from changing meanwhile. Tasks are locked before their states, and items not
    at all: whoever changes an item marks its tasks in the same transaction, and waits for the
    state that is locked here, or is waited for.
    """
    rules = db.session.scalars(
        select(OrgRules)
        .where(OrgRules.org_id == org_id, OrgRules.mode != RulesMode.OFF.value)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    due = [] if rules is None else _due(org_id, now)
    if rules is None or not due:
        return 0
    tasks = _locked_tasks(due)
    states = _locked_states(tasks)
    if len(tasks) < len(due):
        _forget_deleted(due)
    links = links_of_tasks(tasks)
    work = _Work(org_id, rules, choices_of(rules), _left_this_minute(rules, now), now)
    for task_id, state in states.items():
        work.look_at(tasks[task_id], state, links.get(task_id, ()))
    work.write()
    return len(states)


def _due(org_id: uuid.UUID, now: datetime) -> Sequence[uuid.UUID]:
    state = TaskRuleState
    return db.session.scalars(
        select(state.task_id)
        .where(state.org_id == org_id, _is_due(now))
        .order_by(state.due_at)
        .limit(BATCH_SIZE)
    ).all()


def _locked_tasks(task_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Task]:
    """A task that somebody is changing stays due."""
    rows = db.session.scalars(
        select(Task)
        .options(load_only(Task.number, Task.status, Task.status_rule, Task.updated_at))
        .where(Task.id.in_(task_ids))
        .order_by(Task.id)
        .with_for_update(key_share=True, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return {task.id: task for task in rows}


def _locked_states(tasks: dict[uuid.UUID, Task]) -> dict[uuid.UUID, TaskRuleState]:
    rows = db.session.scalars(
        select(TaskRuleState)
        .where(TaskRuleState.task_id.in_(tasks))
        .order_by(TaskRuleState.task_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {state.task_id: state for state in rows}


def _forget_deleted(task_ids: Sequence[uuid.UUID]) -> None:
    """An item may have changed while its task was being deleted."""
    state = TaskRuleState
    deleted = ~exists().where(Task.id == state.task_id)
    change_rows(delete(state).where(state.task_id.in_(task_ids), deleted))


def _left_this_minute(rules: OrgRules, now: datetime) -> int:
    state = TaskRuleState
    changed = db.session.scalar(
        select(func.count()).where(
            state.org_id == rules.org_id, state.changed_at > now - MINUTE, state.counted
        )
    )
    return MOST_A_MINUTE - (changed or 0)


@dataclass(frozen=True, slots=True)
class _Change:
    task: Task
    state: TaskRuleState
    rule: Rule
    former: TaskStatus


class _Work:
    """The tasks of a batch, and what the rules change of them."""

    def __init__(
        self, org_id: uuid.UUID, rules: OrgRules, choices: RuleChoices, left: int, now: datetime
    ) -> None:
        self._org_id, self._rules, self._choices = org_id, rules, choices
        self._left, self._now = left, now
        self._changes: list[_Change] = []

    def look_at(self, task: Task, state: TaskRuleState, links: Sequence[RuleLink]) -> None:
        """Compute what is wanted, and change the task if that has changed."""
        standings = [standing_of(link.facts, self._choices) for link in links]
        want = wanted(standings, self._choices)
        is_start = state.version != self._rules.version
        state.undecided = want is Wanted.UNDECIDED
        if is_start or state.pinned_at is not None:
            state.held_since = None
        if want is Wanted.UNDECIDED:
            # What is learnt next is where the rules start from, and still no change.
            state.due_at = None
            return
        is_on = self._rules.mode == RulesMode.ON.value
        differs = want != state.wanted
        if is_on and not is_start and differs and self._waits(want, state):
            return
        state.wanted, state.version, state.due_at = want.value, self._rules.version, None
        if is_start or state.pinned_at is not None or self._rules.mode == RulesMode.TRIAL.value:
            return
        if differs or (is_on and state.held_since is not None):
            self._change(task, state, want, list(zip(links, standings, strict=True)))

    def _waits(self, want: Wanted, state: TaskRuleState) -> bool:
        """*Done* waits until nothing new has come for a while."""
        quiet_at = state.news_at + timedelta(seconds=self._rules.wait_seconds)
        if want is not Wanted.DONE or not self._now < quiet_at <= self._now + 2 * LONGEST_WAIT:
            return False
        state.due_at = quiet_at
        return True

    def _change(
        self,
        task: Task,
        state: TaskRuleState,
        want: Wanted,
        links: Sequence[tuple[RuleLink, Standing]],
    ) -> None:
        """Change the status, or keep the change back while the rules are stopped. What somebody
        has applied after a stop is changed however much that is.
        """
        former = TaskStatus(task.status)
        rule = rule_for(want, former, self._choices, set_by_rule=task.status_rule is not None)
        was_held, state.held_since = state.held_since is not None, None
        if rule is None:
            return
        if self._left <= 0 and not was_held:
            self._stop()
        if self._rules.mode != RulesMode.ON.value:
            state.held_since = self._now
            return
        self._left -= not was_held
        state.counted = not was_held
        task.status, task.status_rule, task.updated_at = want.value, rule.value, self._now
        state.changed_at, state.former_status = self._now, former.value
        state.reasons = [_reason(link, says) for link, says in links if says not in OUTSIDE]
        self._changes.append(_Change(task, state, rule, former))

    def _stop(self) -> None:
        if self._rules.mode == RulesMode.ON.value:
            self._rules.mode, self._rules.stopped_at = RulesMode.STOPPED.value, self._now
            log.warning("rules.stopped", org_id=str(self._org_id), most_a_minute=MOST_A_MINUTE)

    def write(self) -> None:
        """Write everything, with what the audit log and the timelines say of it."""
        if self._changes:
            key = db.session.scalar(select(Org.task_key).where(Org.id == self._org_id)) or ""
            record(self._org_id, RULE, *(_event(change, key) for change in self._changes))
            for change in self._changes:
                _audit(self._org_id, change, key)
        db.session.flush()


def _audit(org_id: uuid.UUID, change: _Change, task_key: str) -> None:
    task = change.task
    detail = {
        "task": task_reference(task_key, task.number),
        "status": task.status,
        "rule": change.rule.value,
    }
    write_audit_event(org_id, RULE, Action.TASK_UPDATED, task.id, detail)


def _event(change: _Change, task_key: str) -> NewEvent:
    """Of items only their ids: whoever reads the event may not be allowed to know more."""
    task = change.task
    reasons = change.state.reasons or []
    return NewEvent(
        EventType.TASK_STATUS_CHANGED,
        task.id,
        task_reference(task_key, task.number),
        changes={"status": [change.former.value, task.status]},
        cause={"kind": "rule", "rule": change.rule.value},
        detail={"items": [one["item_id"] for one in reasons]},
    )


def _reason(link: RuleLink, says: Standing) -> dict[str, object]:
    """What a link said, as JSON: ids and the reference that whoever linked it saw, no text of
    GitLab's but the name of who merged.
    """
    return {
        "item_id": str(link.item_id),
        "reference": link.made_reference,
        "says": says.value,
        "withheld": link.withheld,
        "merged_at": None if link.merged_at is None else link.merged_at.isoformat(),
        "merged_by": link.merged_by,
    }
