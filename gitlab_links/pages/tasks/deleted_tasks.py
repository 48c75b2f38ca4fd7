"""What is sent to a task or a link that somebody has deleted since its page was opened."""

import uuid
from collections.abc import Mapping
from typing import Any

from flask import flash, g, redirect, request
from sqlalchemy import exists, select

from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Permission
from gitlab_links.errors import NotFound
from gitlab_links.extensions import db
from gitlab_links.http.error_rendering import render, wants_json
from gitlab_links.links.models import TaskGitLabLink
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.paging import page_in
from gitlab_links.pages.problem_pages import FRAGMENT_HEADER
from gitlab_links.pages.tasks.task_forms import form_of_deleted
from gitlab_links.pages.tasks.task_page import task_url
from gitlab_links.pages.unsent_forms import typed_before
from gitlab_links.tasks.queries import task_at
from gitlab_links.tasks.summaries import TaskView


class TaskDeleted(NotFound, code="task_deleted"):
    """There is no such task any more, and a page of it was open."""


@pages.errorhandler(NotFound)
def answer_not_found(error: NotFound) -> Any:
    """Of a form that was sent to a task that there is not, also one that was saved during a login
    in between, say that the task was deleted, and show what was typed as a new task. Say it to the
    script of an open page, too, which shows it. A form for a link that there is not leads back to
    its task.
    """
    principal: Principal | None = g.get("principal")
    reference = (request.view_args or {}).get("reference")
    sent = request.form if request.method == "POST" else typed_before(is_said=True)
    is_script = FRAGMENT_HEADER in request.headers
    if principal is None or reference is None or wants_json():
        return render(error)
    if sent is None and not is_script:
        return render(error)
    db.session.rollback()  # a view may have changed something before it missed something
    try:
        task = task_at(principal.org_id, reference)
    except NotFound:
        page = None if is_script else _new_task(principal, sent or {})
        return render(TaskDeleted()) if page is None else (page, NotFound.status)
    back = None if is_script else _back_to(task, principal.org_id)
    return back or render(error)


def _back_to(task: TaskView, org_id: uuid.UUID) -> Any:
    """To the task of a link that was removed; None if the form was for something else, such as
    the link of another task.
    """
    link_id, one = (request.view_args or {}).get("link_id"), TaskGitLabLink
    elsewhere = exists().where(one.id == link_id, one.org_id == org_id)
    if link_id is None or db.session.scalar(select(elsewhere)):
        return None
    flash("This link was already removed.", "info")
    return redirect(task_url("pages.show_task", org_id, task, page_in(request.args)))


def _new_task(principal: Principal, sent: Mapping[str, str]) -> str | None:
    may_create = principal.may(Permission.TASK_WRITE)
    return form_of_deleted(principal.org_id, sent) if may_create else None
