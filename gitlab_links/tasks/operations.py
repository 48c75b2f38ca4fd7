"""Making and changing tasks. Nothing here commits."""

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, select, update

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.principal import Principal
from gitlab_links.clock import utcnow
from gitlab_links.errors import NotFound
from gitlab_links.extensions import db
from gitlab_links.tasks.models import Task, TaskStatus
from gitlab_links.tasks.queries import find_task
from gitlab_links.tasks.views import TaskView, task_view

CHANGEABLE = frozenset({"title", "description", "status", "external_url"})


def create_task(
    principal: Principal,
    title: str,
    *,
    description: str = "",
    status: TaskStatus = TaskStatus.OPEN,
    external_url: str | None = None,
) -> TaskView:
    """A new task with the org's next number: no two get the same, none is left out."""
    number, task_key = db.session.execute(
        update(Org)
        .where(Org.id == principal.org_id)
        .values(last_task_number=Org.last_task_number + 1)
        .returning(Org.last_task_number, Org.task_key)
        .execution_options(synchronize_session=False)
    ).one()
    task = Task(
        org_id=principal.org_id,
        number=number,
        title=title,
        description=description,
        status=status.value,
        external_url=external_url,
        created_by=principal.user_id,
    )
    db.session.add(task)
    db.session.flush()
    return task_view(task, task_key)


def lock_task(task_id: uuid.UUID) -> None:
    """Nobody else changes the task until the commit."""
    db.session.execute(select(Task.id).where(Task.id == task_id).with_for_update())


def update_task(principal: Principal, task_id: uuid.UUID, changes: Mapping[str, Any]) -> TaskView:
    """Change the fields given (see ``CHANGEABLE``) and no other.

    Raises :class:`NotFound`, also for another org's task.
    """
    task = db.session.scalars(
        select(Task).where(Task.org_id == principal.org_id, Task.id == task_id).with_for_update()
    ).one_or_none()
    if task is None:
        raise NotFound
    for field in CHANGEABLE & changes.keys():
        setattr(task, field, changes[field])
    if db.session.is_modified(task):
        task.updated_at = utcnow()
    db.session.flush()
    return find_task(principal.org_id, task_id)


def mark_links_changed(org_id: uuid.UUID, task_id: uuid.UUID) -> None:
    """Note that a link of the task is made or removed now; the task itself stays as it was.

    Raises :class:`NotFound`, also for another org's task.
    """
    marked = db.session.scalar(
        update(Task)
        .where(Task.org_id == org_id, Task.id == task_id)
        .values(links_changed_at=utcnow(), updated_at=Task.updated_at)
        .returning(Task.id)
    )
    if marked is None:
        raise NotFound


def delete_task(org_id: uuid.UUID, task_id: uuid.UUID) -> None:
    """Delete a task whose links are gone: doors call ``links.task_removal.remove_task``.

    Raises :class:`NotFound`, also for another org's task.
    """
    deleted = db.session.scalar(
        delete(Task).where(Task.org_id == org_id, Task.id == task_id).returning(Task.id)
    )
    if deleted is None:
        raise NotFound
