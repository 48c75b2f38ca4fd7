"""Look at the tasks that are due for the status rules.

The caller commits. A batch takes the same number of statements however many tasks it has.
"""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, exists, select

from gitlab_links.extensions import change_rows, db
from gitlab_links.rule_states.models import OrgRules, RulesMode, TaskRuleState
from gitlab_links.rules.batch import LONGEST_WAIT, Batch, DueTask
from gitlab_links.rules.links import links_of_tasks
from gitlab_links.storage.given_values import is_among
from gitlab_links.storage.waits import Wait
from gitlab_links.tasks.models import Task

BATCH_SIZE = 200
_WAIT = Wait.of_all(TaskRuleState.due_at, LONGEST_WAIT)


def orgs_due(now: datetime) -> Select[uuid.UUID]:
    """The orgs with due tasks."""
    due = exists().where(TaskRuleState.org_id == OrgRules.org_id, _WAIT.is_over(now))
    return select(OrgRules.org_id).where(OrgRules.mode != RulesMode.OFF.value, due)


def has_due(org_id: uuid.UUID, now: datetime) -> bool:
    """Whether the org has due tasks."""
    due = exists().where(TaskRuleState.org_id == org_id, _WAIT.is_over(now))
    return bool(db.session.scalar(select(due)))


def apply_rules(org_id: uuid.UUID, now: datetime) -> int:
    """Look at a batch of due tasks; returns how many.

    The lock on the org's rules makes one worker at a time count the changes of a minute, and
    keeps the rules from changing meanwhile. Tasks are locked before their states, and items not
    at all: whoever changes an item marks its tasks in the same transaction, and waits for the
    state that is locked here, or leaves the task due. Waiting here, too, could end in a circle: a
    transaction may mark tasks several times, in no one order.
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
    tasks = _locked(due)
    if len(tasks) < len(due):
        _forget_deleted(due)
    links = links_of_tasks([task.id for task in tasks])
    batch = Batch(rules, now)
    for task in tasks:
        batch.evaluate(task, links.get(task.id, ()))
    batch.write()
    return len(tasks)


def _due(org_id: uuid.UUID, now: datetime) -> Sequence[uuid.UUID]:
    state = TaskRuleState
    return db.session.scalars(
        select(state.task_id)
        .where(state.org_id == org_id, _WAIT.is_over(now))
        .order_by(state.due_at)
        .limit(BATCH_SIZE)
    ).all()


def _locked(task_ids: Sequence[uuid.UUID]) -> list[DueTask]:
    """The tasks with their states, in the order of their ids. One that somebody is changing or
    marking stays due.
    """
    tasks = db.session.execute(
        select(Task.id, Task.number, Task.status, Task.status_rule)
        .where(_is_among(Task.id, task_ids))
        .order_by(Task.id)
        .with_for_update(key_share=True, skip_locked=True)
    )
    by_id = {task.id: task for task in tasks}
    state = TaskRuleState
    states = db.session.execute(
        select(
            state.task_id,
            state.wanted,
            state.version,
            state.news_at,
            state.held_since,
            state.pinned_at,
        )
        .where(_is_among(state.task_id, by_id))
        .order_by(state.task_id)
        .with_for_update(skip_locked=True)
    )
    return [_due_task(by_id[row.task_id], row) for row in states]


def _due_task(task: Any, state: Any) -> DueTask:
    return DueTask(
        id=task.id,
        number=task.number,
        status=task.status,
        status_rule=task.status_rule,
        wanted=state.wanted,
        version=state.version,
        news_at=state.news_at,
        held_since=state.held_since,
        pinned_at=state.pinned_at,
    )


def _forget_deleted(task_ids: Sequence[uuid.UUID]) -> None:
    """An item may have changed while its task was being deleted."""
    state = TaskRuleState
    deleted = ~exists().where(Task.id == state.task_id)
    change_rows(delete(state).where(_is_among(state.task_id, task_ids), deleted))


def _is_among(column: Any, ids: Iterable[uuid.UUID]) -> ColumnElement[bool]:
    return is_among(db.engine.dialect.name, column, ids)
