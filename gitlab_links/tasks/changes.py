"""Creating, changing and deleting tasks. Nothing here commits."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import delete, select, update

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.people import may_be_assigned
from gitlab_links.accounts.principal import Principal
from gitlab_links.audit.changes import Action, write_audit_event
from gitlab_links.clock import utcnow
from gitlab_links.errors import Invalid, NotFound, required
from gitlab_links.events.models import EventType
from gitlab_links.events.recording import NewEvent, record
from gitlab_links.extensions import db
from gitlab_links.rule_states.marking import drop_held_change
from gitlab_links.tasks.models import Task, TaskStatus
from gitlab_links.tasks.queries import find_task
from gitlab_links.tasks.summaries import TaskView, task_reference
from gitlab_links.tasks.web_urls import checked_web_url

CHANGEABLE = frozenset(
    {"title", "description", "status", "external_url", "assignee_id", "due_date"}
)
NOT_A_COLLEAGUE = "This is nobody who works on tasks in this org."


def create_task(
    principal: Principal,
    title: str,
    *,
    description: str = "",
    status: TaskStatus = TaskStatus.OPEN,
    external_url: str | None = None,
    assignee_id: uuid.UUID | None = None,
    due_date: date | None = None,
) -> TaskView:
    """Create a task with the org's next number, without duplicates or gaps.

    Raises :class:`Invalid` for a malformed ``external_url`` and for an assignee who does not
    work on the org's tasks.
    """
    _check_assignee(principal.org_id, assignee_id)
    task = Task(
        org_id=principal.org_id,
        number=_next_number(principal.org_id),
        title=title,
        description=description,
        status=status.value,
        external_url=checked_web_url(external_url),
        assignee_id=assignee_id,
        due_date=due_date,
        created_by=principal.user_id,
    )
    db.session.add(task)
    db.session.flush()
    made = find_task(principal.org_id, task.id)
    _audit(principal, Action.TASK_CREATED, made, title=title)
    changes: dict[str, list[Any]] = {
        "title": [None, title],
        "status": [None, made.status.value],
    }
    optional = {"assignee_id": task.assignee_id, "due_date": task.due_date}
    changes |= {name: [None, value] for name, value in optional.items() if value is not None}
    _record(principal, EventType.TASK_CREATED, made, changes)
    return made


def _next_number(org_id: uuid.UUID) -> int:
    """Take it; the org is locked until the commit."""
    return db.session.scalars(
        update(Org)
        .where(Org.id == org_id)
        .values(last_task_number=Org.last_task_number + 1)
        .returning(Org.last_task_number)
        .execution_options(synchronize_session=False)
    ).one()


def skip_numbers(count: int) -> None:
    """Leave out the next ``count`` numbers of every org."""
    db.session.execute(
        update(Org)
        .values(last_task_number=Org.last_task_number + count)
        .execution_options(synchronize_session=False)
    )


def lock_task(task_id: uuid.UUID) -> None:
    """Make every other change of the task and its links wait until the commit.

    As weakly as a change does: a worker that has locked an item may name the task in a new row,
    while the lock's owner waits for that item.
    """
    task = select(Task.id).where(Task.id == task_id)
    db.session.execute(task.with_for_update(key_share=True))


def lock_task_of(org_id: uuid.UUID, task_id: uuid.UUID) -> None:
    """The same; raises :class:`NotFound`, also for another org's task."""
    if not lock_tasks(org_id, [task_id]):
        raise NotFound


def lock_tasks(org_id: uuid.UUID, task_ids: Sequence[uuid.UUID]) -> Sequence[uuid.UUID]:
    """The same for the org's tasks among these, in the order of their ids, which it returns."""
    found = select(Task.id).where(Task.org_id == org_id, Task.id.in_(task_ids)).order_by(Task.id)
    return db.session.scalars(found.with_for_update(key_share=True)).all()


def update_task(
    principal: Principal,
    task_id: uuid.UUID,
    changes: Mapping[str, Any],
    *,
    cause: Mapping[str, Any] | None = None,
) -> TaskView:
    """Change the fields given (see ``CHANGEABLE``) and no other. ``cause`` goes with the event
    of a changed status.

    Raises :class:`NotFound`, also for another org's task, and :class:`Invalid`.
    """
    ours = select(Task).where(Task.org_id == principal.org_id, Task.id == task_id)
    task = required(db.session.scalars(ours.with_for_update(key_share=True)).one_or_none())
    checked_web_url(changes.get("external_url"))
    changed = {
        field: changes[field]
        for field in sorted(CHANGEABLE & changes.keys())
        if getattr(task, field) != changes[field]
    }
    _check_assignee(principal.org_id, changed.get("assignee_id"))
    before = {field: getattr(task, field) for field in changed}
    for field, value in changed.items():
        setattr(task, field, value)
    if "status" in changed:
        task.status_rule = None  # a person set it
        drop_held_change(task_id)
    if changed:
        task.updated_at = utcnow()
    db.session.flush()
    view = find_task(principal.org_id, task_id)
    if changed:
        _audit(principal, Action.TASK_UPDATED, view, **_logged(changed, view))
        pairs = {name: [before[name], changed[name]] for name in changed}
        _record_update(principal, view, pairs, cause)
    return view


def _check_assignee(org_id: uuid.UUID, assignee_id: uuid.UUID | None) -> None:
    if assignee_id is not None and not may_be_assigned(org_id, assignee_id):
        raise Invalid("This person cannot be assigned.", errors={"assignee_id": [NOT_A_COLLEAGUE]})


def _logged(changed: Mapping[str, Any], task: TaskView) -> dict[str, Any]:
    """The changes for the audit log. A description may be very long: it only says that it
    changed. A person is named.
    """
    logged = {**changed, **({"description": "changed"} if "description" in changed else {})}
    if "due_date" in changed:
        logged["due_date"] = task.due_date and task.due_date.isoformat()
    if "assignee_id" in changed:
        del logged["assignee_id"]
        logged["assignee"] = task.assignee
    return logged


def mark_links_changed(org_id: uuid.UUID, task_id: uuid.UUID) -> str:
    """Set ``links_changed_at`` to now, without changing ``updated_at``.

    Returns the task's reference, as ``ACME-12``. Raises :class:`NotFound`, also for another
    org's task.
    """
    key = select(Org.task_key).where(Org.id == org_id).scalar_subquery()
    marking = (
        update(Task)
        .where(Task.org_id == org_id, Task.id == task_id)
        .values(links_changed_at=utcnow(), updated_at=Task.updated_at)
        .returning(Task.number, key)
    )
    number, task_key = required(db.session.execute(marking).one_or_none())
    return task_reference(task_key, number)


def delete_task(principal: Principal, task_id: uuid.UUID) -> None:
    """Delete a task without links; pages and API call ``links.task_removal.remove_task``.

    Raises :class:`NotFound`, also for another org's task.
    """
    deleted = find_task(principal.org_id, task_id)
    gone = delete(Task).where(Task.org_id == principal.org_id, Task.id == task_id)
    required(db.session.scalar(gone.returning(Task.id)))
    _audit(principal, Action.TASK_DELETED, deleted, title=deleted.title)
    gone_title = {"title": [deleted.title, None]}
    _record(principal, EventType.TASK_DELETED, deleted, gone_title)


def _record_update(
    principal: Principal,
    task: TaskView,
    changed: Mapping[str, Sequence[Any]],
    cause: Mapping[str, Any] | None,
) -> None:
    """Record a change of the status apart from that of other fields."""
    others = {name: pair for name, pair in changed.items() if name != "status"}
    if others:
        # A description may be very long: the event only says that it changed.
        shown = {name: pair for name, pair in others.items() if name != "description"}
        _record(principal, EventType.TASK_EDITED, task, shown, detail={"edited": list(others)})
    if "status" in changed:
        before, after = (TaskStatus(status).value for status in changed["status"])
        pair = {"status": [before, after]}
        _record(principal, EventType.TASK_STATUS_CHANGED, task, pair, cause=cause)


def _record(
    principal: Principal,
    kind: EventType,
    task: TaskView,
    changes: Mapping[str, Sequence[Any]],
    *,
    detail: Mapping[str, Any] | None = None,
    cause: Mapping[str, Any] | None = None,
) -> None:
    event = NewEvent(kind, task.id, task.reference, changes=changes, cause=cause, detail=detail)
    record(principal.org_id, principal.actor, event)


def _audit(principal: Principal, action: Action, task: TaskView, **detail: Any) -> None:
    write_audit_event(
        principal.org_id, principal.actor, action, task.id, {"task": task.reference, **detail}
    )
