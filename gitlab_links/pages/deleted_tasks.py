"""What is sent to a task that somebody has deleted since its page was opened."""

from collections.abc import Mapping
from typing import Any

from flask import g, request

from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Permission
from gitlab_links.errors import NotFound
from gitlab_links.http.error_rendering import render, wants_json
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.task_forms import form_of_deleted
from gitlab_links.pages.unsent_forms import typed_before
from gitlab_links.tasks.queries import task_at


class TaskDeleted(NotFound, code="task_deleted"):
    """There is no such task any more, and a page of it was open."""


@pages.errorhandler(NotFound)
def answer_not_found(error: NotFound) -> Any:
    """Of a form that was sent to a task that there is not, also one that was saved during a login
    in between, say that the task was deleted, and show what was typed as a new task.
    """
    principal: Principal | None = g.get("principal")
    sent = request.form if request.method == "POST" else typed_before(is_said=True)
    if principal is None or sent is None or wants_json() or not _is_to_no_task(principal):
        return render(error)
    page = _new_task(principal, sent)
    return render(TaskDeleted()) if page is None else (page, NotFound.status)


def _is_to_no_task(principal: Principal) -> bool:
    """Whether the address is of a task, or below one, that the org does not have."""
    reference = (request.view_args or {}).get("reference")
    if reference is None:
        return False
    try:
        task_at(principal.org_id, reference)
    except NotFound:
        return True
    return False


def _new_task(principal: Principal, sent: Mapping[str, str]) -> str | None:
    may_create = principal.may(Permission.TASK_WRITE)
    return form_of_deleted(principal.org_id, sent) if may_create else None
