"""/api/orgs/<org_id>/tasks"""

import uuid
from typing import Any

from gitlab_links.accounts.roles import Permission
from gitlab_links.api.answers import location
from gitlab_links.api.blueprints import tasks
from gitlab_links.api.cursors import cut
from gitlab_links.api.paging import order_and_place
from gitlab_links.api.schemas.tasks import (
    BY_ORDER,
    NewTask,
    TaskChange,
    TaskEnvelope,
    TasksEnvelope,
    TasksQuery,
)
from gitlab_links.http.access import access
from gitlab_links.http.conditional import locks, tagged
from gitlab_links.http.guard import current_principal
from gitlab_links.links.task_removal import remove_task
from gitlab_links.tasks.changes import create_task, lock_task, update_task
from gitlab_links.tasks.queries import TaskFilter, TaskSort, find_task, position_of, tasks_page


@tasks.get("/api/orgs/<uuid:org_id>/tasks")
@access(Permission.TASK_READ)
@tasks.query(TasksQuery)
@tasks.returns(200, TasksEnvelope)
def tasks_get(query: dict[str, Any], org_id: uuid.UUID) -> dict[str, Any]:
    """List the tasks of an org"""
    order, after = order_and_place(query)
    sort, limit = TaskSort(order), query["limit"]
    wanted = TaskFilter(query["status"], query["q"], query["assignee_id"])
    found = tasks_page(org_id, wanted, sort=sort, after=after, limit=limit + 1)
    page, cursor = cut(found, limit, lambda task: BY_ORDER.encode(position_of(task, sort), sort))
    return {"tasks": page, "next_cursor": cursor}


@tasks.post("/api/orgs/<uuid:org_id>/tasks")
@access(Permission.TASK_WRITE)
@tasks.body(NewTask)
@tasks.returns(201, TaskEnvelope)
@tagged
def tasks_post(new: dict[str, Any], org_id: uuid.UUID) -> Any:
    """Create a task

    It gets the org's next reference, such as `ACME-12`.
    """
    task = create_task(current_principal(), **new)
    where = location("tasks.task_get", org_id=org_id, task_id=task.id)
    return {"task": task}, 201, where


@tasks.get("/api/orgs/<uuid:org_id>/tasks/<uuid:task_id>")
@access(Permission.TASK_READ)
@tasks.returns(200, TaskEnvelope)
def task_get(org_id: uuid.UUID, task_id: uuid.UUID) -> dict[str, Any]:
    """Show a task"""
    return {"task": find_task(org_id, task_id)}


@tasks.patch("/api/orgs/<uuid:org_id>/tasks/<uuid:task_id>")
@access(Permission.TASK_WRITE)
@locks(lock_task)
@tasks.body(TaskChange)
@tasks.returns(200, TaskEnvelope)
def task_patch(change: dict[str, Any], org_id: uuid.UUID, task_id: uuid.UUID) -> dict[str, Any]:
    """Change a task"""
    return {"task": update_task(current_principal(), task_id, change)}


@tasks.delete("/api/orgs/<uuid:org_id>/tasks/<uuid:task_id>")
@access(Permission.TASK_WRITE)
@locks(lock_task)
@tasks.returns(204)
def task_delete(org_id: uuid.UUID, task_id: uuid.UUID) -> None:
    """Delete a task with its links"""
    remove_task(current_principal(), task_id)
