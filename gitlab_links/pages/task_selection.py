"""What is done to several tasks of the list at once."""

import uuid
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.roles import Permission
from gitlab_links.errors import NotFound
from gitlab_links.finding.list_query import FILTERS
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.links.task_removal import remove_task
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.form_fields import parsed, pressed
from gitlab_links.pages.task_list import PAGE_SIZE, STATUS_MARKS
from gitlab_links.pages.tasks import list_page
from gitlab_links.tasks.changes import update_task
from gitlab_links.tasks.models import TaskStatus

SHOWN_BY = frozenset({*FILTERS, "sort", "page"})


@pages.post("/orgs/<uuid:org_id>/tasks/selected")
@access(Permission.TASK_WRITE)
def change_selected_tasks(org_id: uuid.UUID) -> ResponseReturnValue:
    """Set the status of the selected tasks, or delete them, and show the list again: without a
    status with the same tasks selected.

    A task that somebody else has deleted meanwhile is left out.
    """
    chosen = [parsed(uuid.UUID, text) for text in request.form.getlist("task")[:PAGE_SIZE]]
    task_ids = sorted(task_id for task_id in set(chosen) if task_id is not None)
    status = parsed(TaskStatus, request.form.get("status", ""))
    if not task_ids:
        flash("Select the tasks first.", "warning")
    elif pressed("delete"):
        flash(f"Deleted {_tasks(_deleted(task_ids))}.", "success")
    elif status is None:
        error = "Choose a status for the selected tasks."
        return list_page(current_principal(), selected=task_ids, no_status=error), 422
    else:
        changed = _tasks(_changed(task_ids, status))
        flash(f"Set {changed} to {STATUS_MARKS[status].text}.", "success")
    # ``url_for`` has parameters of its own, which nobody may set from outside.
    filters: dict[str, Any] = {
        name: value for name, value in request.args.items() if name in SHOWN_BY
    }
    return redirect(url_for("pages.task_list", org_id=org_id, **filters))


def _changed(task_ids: list[uuid.UUID], status: TaskStatus) -> int:
    done = 0
    for task_id in task_ids:
        try:
            update_task(current_principal(), task_id, {"status": status.value})
        except NotFound:
            continue
        done += 1
    return done


def _deleted(task_ids: list[uuid.UUID]) -> int:
    done = 0
    for task_id in task_ids:
        try:
            remove_task(current_principal(), task_id)
        except NotFound:
            continue
        done += 1
    return done


def _tasks(count: int) -> str:
    return f"{count} {'task' if count == 1 else 'tasks'}"
