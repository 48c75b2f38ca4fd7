"""What a person does about the rules on one task: undo and pin. Nothing here commits."""

import uuid

from sqlalchemy import select, update

from gitlab_links.accounts.principal import Principal
from gitlab_links.audit.changes import Action, write_audit_event
from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict
from gitlab_links.events.models import EventType
from gitlab_links.events.recording import NewEvent, record
from gitlab_links.extensions import change_rows, db
from gitlab_links.rule_states.marking import mark_task
from gitlab_links.rule_states.models import TaskRuleState
from gitlab_links.storage.database import insert_and_lock
from gitlab_links.tasks.changes import lock_task, update_task
from gitlab_links.tasks.models import Task
from gitlab_links.tasks.queries import find_task, require_task
from gitlab_links.tasks.summaries import TaskView


class NothingToUndo(Conflict, code="nothing_to_undo"):
    """No rule set the task's present status."""


def undo(principal: Principal, task_id: uuid.UUID) -> TaskView:
    """Set the status back to what it was before a rule changed it. That counts as set by a
    person, and holds until what the links call for changes.

    Raises :class:`NotFound` and :class:`NothingToUndo`.
    """
    require_task(principal.org_id, task_id)
    lock_task(task_id)
    status_rule = db.session.scalar(select(Task.status_rule).where(Task.id == task_id))
    state = db.session.get(TaskRuleState, task_id, populate_existing=True)
    if status_rule is None or state is None or state.former_status is None:
        raise NothingToUndo("No rule set the status that this task has now.")
    cause = {"kind": "undo", "rule": status_rule}
    return update_task(principal, task_id, {"status": state.former_status}, cause=cause)


def pin(principal: Principal, task_id: uuid.UUID) -> None:
    """Keep the rules off a task. Raises :class:`NotFound`."""
    state = _locked_state(principal.org_id, task_id)
    if state.pinned_at is None:
        state.pinned_at, state.pinned_by = utcnow(), principal.user_id
        state.held_since = None
        _audit(principal, task_id, pinned=True)
    db.session.flush()


def unpin(principal: Principal, task_id: uuid.UUID) -> None:
    """Let the rules act again on what changes from now on. Raises :class:`NotFound`."""
    state = _locked_state(principal.org_id, task_id)
    if state.pinned_at is not None:
        state.pinned_at = state.pinned_by = None
        _audit(principal, task_id, pinned=False)
    db.session.flush()


def _locked_state(org_id: uuid.UUID, task_id: uuid.UUID) -> TaskRuleState:
    """The state, made if needed. Without one, a task is new, or the rules are off."""
    require_task(org_id, task_id)
    lock_task(task_id)
    mark_task(org_id, task_id, utcnow())
    return insert_and_lock(db.session, TaskRuleState, {"task_id": task_id}, org_id=org_id)


def _audit(principal: Principal, task_id: uuid.UUID, *, pinned: bool) -> None:
    change_rows(update(Task).where(Task.id == task_id).values(updated_at=utcnow()))
    task = find_task(principal.org_id, task_id)
    detail = {"task": task.reference, "pinned": pinned}
    write_audit_event(principal.org_id, principal.actor, Action.TASK_UPDATED, task_id, detail)
    kind = EventType.TASK_PINNED if pinned else EventType.TASK_UNPINNED
    record(principal.org_id, principal.actor, NewEvent(kind, task_id, task.reference))
