"""/api/orgs/<org_id>/tasks"""

import uuid
from collections.abc import Sequence
from dataclasses import asdict
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
from gitlab_links.errors import Invalid
from gitlab_links.finding.list_query import ITEM_FILTERS, assignee_of
from gitlab_links.finding.task_filters import TaskQuery
from gitlab_links.finding.task_pages import tasks_behind
from gitlab_links.http.access import access
from gitlab_links.http.conditional import locks, set_version, tagged
from gitlab_links.http.guard import current_principal
from gitlab_links.links.task_removal import remove_task
from gitlab_links.rollup.link_states import link_states, roll_up_of
from gitlab_links.rollup.needs import Need
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.tasks.changes import create_task, lock_task, update_task
from gitlab_links.tasks.orders import TaskSort, position_of
from gitlab_links.tasks.queries import find_task, task_at
from gitlab_links.tasks.summaries import TaskView

# What a caller who sees no links cannot filter by, nor by a need but that of a task itself.
_OF_LINKS = ("links", "type", *ITEM_FILTERS)


@tasks.get("/api/orgs/<uuid:org_id>/tasks")
@access(Permission.TASK_READ)
@tasks.query(TasksQuery)
@tasks.returns(200, TasksEnvelope)
def tasks_get(query: dict[str, Any], org_id: uuid.UUID) -> dict[str, Any]:
    """List the tasks of an org

    By the filters of the page of tasks, and some more. A caller who may not see links has none
    of those by links and their items, and of the needs `overdue` alone.
    """
    order, after = order_and_place(query)
    sort, limit = TaskSort(order), query["limit"]
    visibility = Visibility.of(current_principal())
    if not visibility.sees_links:
        _require_none_of_links(query)
    wanted = _wanted(query, visibility.user_id)
    found = tasks_behind(visibility, wanted, sort=sort, after=after, limit=limit + 1)
    page, cursor = cut(found, limit, lambda task: BY_ORDER.encode(position_of(task, sort), sort))
    return {"tasks": shown(visibility, page), "next_cursor": cursor}


def _wanted(query: dict[str, Any], me: uuid.UUID) -> TaskQuery:
    texts = ("q", "status", "external_url", *_OF_LINKS)
    assignee_id = query["assignee_id"] or assignee_of(query["assignee"] or "", me)
    return TaskQuery(
        **{name: query[name] or "" for name in texts},
        need=query["need"],
        updated_since=query["updated_since"],
        assignee_id=assignee_id,
    )


def _require_none_of_links(query: dict[str, Any]) -> None:
    left_out = [name for name in _OF_LINKS if query[name] is not None]
    if query["need"] not in {None, Need.OVERDUE}:
        left_out.append("need")
    if left_out:
        raise Invalid(
            f"Invalid fields: {', '.join(left_out)}.",
            errors={name: ["Your role has no such filter."] for name in left_out},
        )


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
    return _one(task), 201, where


@tasks.get("/api/orgs/<uuid:org_id>/tasks/<uuid:task_id>")
@access(Permission.TASK_READ)
@tasks.returns(200, TaskEnvelope)
def task_get(org_id: uuid.UUID, task_id: uuid.UUID) -> dict[str, Any]:
    """Show a task"""
    return _one(find_task(org_id, task_id))


@tasks.get("/api/orgs/<uuid:org_id>/tasks/by-reference/<reference>")
@access(Permission.TASK_READ)
@tasks.returns(200, TaskEnvelope)
def task_by_reference_get(org_id: uuid.UUID, reference: str) -> dict[str, Any]:
    """Show a task by its reference

    As people write it, `ACME-12`, in upper or lower case, also with a former key of the org.
    """
    return _one(task_at(org_id, reference))


@tasks.patch("/api/orgs/<uuid:org_id>/tasks/<uuid:task_id>")
@access(Permission.TASK_WRITE)
@locks(lock_task)
@tasks.body(TaskChange)
@tasks.returns(200, TaskEnvelope)
def task_patch(change: dict[str, Any], org_id: uuid.UUID, task_id: uuid.UUID) -> dict[str, Any]:
    """Change a task"""
    return _one(update_task(current_principal(), task_id, change))


def shown(visibility: Visibility, found: Sequence[TaskView]) -> list[dict[str, Any]]:
    """Tasks with their roll-ups, which are null for callers who may not see links."""
    links = link_states(visibility, [task.id for task in found])
    return [
        {
            **asdict(task),
            "roll_up": roll_up_of(task, links.get(task.id, ())) if visibility.sees_links else None,
        }
        for task in found
    ]


def _one(task: TaskView) -> dict[str, Any]:
    """One task. Its links change without a user: If-Match compares the task alone."""
    set_version(task)
    return {"task": shown(Visibility.of(current_principal()), [task])[0]}


@tasks.delete("/api/orgs/<uuid:org_id>/tasks/<uuid:task_id>")
@access(Permission.TASK_WRITE)
@locks(lock_task)
@tasks.returns(204)
def task_delete(org_id: uuid.UUID, task_id: uuid.UUID) -> None:
    """Delete a task with its links"""
    remove_task(current_principal(), task_id)
