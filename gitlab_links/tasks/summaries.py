"""A task as pages and API show it."""

import uuid
from dataclasses import dataclass
from datetime import date, datetime

from gitlab_links.tasks.branch_names import branch_name
from gitlab_links.tasks.models import Task, TaskStatus


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task; ``reference`` is for people, as ``ACME-12``. ``assignee`` is a name.
    ``branch_name`` is what a branch for it should be called.

    ``status_rule`` is the rule that set the status, None if a person did.
    ``updated_at`` changes with its own fields, ``links_changed_at`` with its set of links.
    """

    id: uuid.UUID
    reference: str
    title: str
    description: str
    status: TaskStatus
    external_url: str | None
    assignee_id: uuid.UUID | None
    assignee: str | None
    due_date: date | None
    created_by: uuid.UUID | None
    created_at: datetime
    updated_at: datetime
    links_changed_at: datetime | None
    status_rule: str | None
    branch_name: str

    def is_late(self, today: date) -> bool:
        """Whether its due date has passed before it is done."""
        due = self.due_date
        return due is not None and due < today and self.status is not TaskStatus.DONE


def task_view(
    task: Task, task_key: str, assignee: str | None, branch_template: str | None
) -> TaskView:
    """The view of a task; ``task_key`` and ``branch_template`` are the org's, ``assignee`` is a
    name.
    """
    reference = task_reference(task_key, task.number)
    return TaskView(
        id=task.id,
        reference=reference,
        title=task.title,
        description=task.description,
        status=TaskStatus(task.status),
        external_url=task.external_url,
        assignee_id=task.assignee_id,
        assignee=assignee,
        due_date=task.due_date,
        created_by=task.created_by,
        created_at=task.created_at,
        updated_at=task.updated_at,
        links_changed_at=task.links_changed_at,
        status_rule=task.status_rule,
        branch_name=branch_name(branch_template, reference, task.title),
    )


def task_reference(task_key: str, number: int) -> str:
    """The reference of a task, as ``ACME-12``."""
    return f"{task_key}-{number}"
