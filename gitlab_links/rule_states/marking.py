"""Marking tasks that the status rules have to look at again, in the transaction of the change."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Uuid, delete, literal, select, update

from gitlab_links.extensions import change_rows, db
from gitlab_links.job_triggers import JobKind, trigger_after_commit
from gitlab_links.rule_states.models import OrgRules, RulesMode, TaskRuleState
from gitlab_links.storage.database import UtcDateTime, upsert

STALE = 0  # no version of the rules

TaskIds = Select[uuid.UUID]


def mark_task(org_id: uuid.UUID, task_id: uuid.UUID, now: datetime, **options: bool) -> None:
    """Mark one task; see :func:`mark_tasks`."""
    mark_tasks(org_id, select(literal(task_id, Uuid)), now, **options)


def mark_tasks(
    org_id: uuid.UUID, task_ids: TaskIds, now: datetime, *, quietly: bool = False
) -> None:
    """Mark the tasks of an org whose rules are not off: one statement, and a job after the
    caller's commit.

    ``quietly``: what is wanted after this change is where the rules start from, and no ground
    to change a task, as for links that a backfill makes.

    Rows are locked in the order of their ids, after tasks and items.
    """
    insert = _new_states(org_id, task_ids, now, quietly=quietly)
    version = STALE if quietly else TaskRuleState.version
    marked = db.session.execute(
        insert.on_conflict_do_update(
            index_elements=["task_id"],
            set_={
                "news_at": insert.excluded.news_at,
                "due_at": insert.excluded.due_at,
                "version": version,
            },
        )
    )
    if marked.rowcount:  # type: ignore[attr-defined]
        trigger_after_commit(db.session, JobKind.APPLY_RULES, org_id)


def _new_states(org_id: uuid.UUID, task_ids: TaskIds, now: datetime, *, quietly: bool) -> Any:
    """The INSERT for tasks without a state; see :func:`upsert`."""
    tasks = task_ids.subquery()
    values: dict[str, Any] = {
        "task_id": tasks.c[0],
        "org_id": OrgRules.org_id,
        "wanted": literal("nothing"),
        "version": literal(STALE) if quietly else OrgRules.version,
        "undecided": literal(value=False),
        "news_at": literal(now, UtcDateTime),
        "due_at": literal(now, UtcDateTime),
    }
    rows = (
        select(*values.values())
        .distinct()
        .select_from(OrgRules)
        .join(tasks, OrgRules.org_id == org_id)
        .where(OrgRules.mode != RulesMode.OFF.value)
        .order_by(tasks.c[0])
    )
    return upsert(db.engine.dialect.name, TaskRuleState).from_select(list(values), rows)


def drop_held_change(task_id: uuid.UUID) -> None:
    """Somebody has set the task's status: what the rules kept back is not applied any more."""
    state = TaskRuleState
    held = update(state).where(state.task_id == task_id, state.held_since.is_not(None))
    change_rows(held.values(held_since=None))


def forget_task(task_id: uuid.UUID) -> None:
    """Delete the state of a task that was deleted."""
    change_rows(delete(TaskRuleState).where(TaskRuleState.task_id == task_id))
