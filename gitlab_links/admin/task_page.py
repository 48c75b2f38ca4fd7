"""The page of a task and the part of it that lives on: one markup for both."""

import hashlib
import uuid
from collections.abc import Sequence
from typing import Any

from flask import render_template, url_for

from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Permission
from gitlab_links.admin.assets import asset_version
from gitlab_links.admin.task_list import STATUS_MARKS
from gitlab_links.clock import utcnow
from gitlab_links.links.filters import LinkFilter, LinkSort
from gitlab_links.links.queries import connection_of, links_page, version_of_task_links
from gitlab_links.tasks.views import TaskView

EXAMPLE_PATH = "/group/project/-/issues/1"
STATUSES = [
    {"value": status.value, "text": mark.text, "tone": mark.tone}
    for status, mark in STATUS_MARKS.items()
]


def task_page(principal: Principal, task: TaskView, *, url: str = "", error: str = "") -> str:
    """The whole page; ``error`` is what is wrong with the ``url`` just pasted."""
    sees_links = principal.may(Permission.LINK_READ)
    return render_template(
        "tasks/show.html",
        task=task,
        statuses=STATUSES,
        may_edit=principal.may(Permission.TASK_WRITE),
        sees_links=sees_links,
        **(_section(principal, task) if sees_links else {"org_id": principal.org_id}),
        url=url,
        error=error,
    )


def links_fragment(
    principal: Principal,
    task: TaskView,
    *,
    notices: Sequence[tuple[str, Any]] = (),
    form: bool = False,
) -> str:
    """The list of links, what has to be said, and a fresh form if asked for."""
    parts = _list(principal, task)
    if form:
        parts.update(_form(principal, task))
    return render_template("links/fragment.html", **parts, notices=notices, form=form)


def form_fragment(principal: Principal, task: TaskView, url: str, error: str) -> str:
    """The form with what is wrong beside the field."""
    return render_template("links/form.html", **_form(principal, task), url=url, error=error)


def links_etag(principal: Principal, task_id: uuid.UUID) -> str:
    """Changes with whatever the list shows: the data, the day (overdue), the markup."""
    parts = (
        version_of_task_links(principal.org_id, task_id),
        principal.role.value,
        utcnow().date().isoformat(),
        asset_version(),
    )
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]


def links_url(org_id: uuid.UUID, task: TaskView) -> str:
    """Where the links of a task are read, and pasted to."""
    return url_for("pages.task_links", org_id=org_id, reference=task.reference)


def _section(principal: Principal, task: TaskView) -> dict[str, Any]:
    """The tag is taken first: a change that comes in between is then fetched by the next
    look, not missed.
    """
    etag = links_etag(principal, task.id)
    return {**_list(principal, task), **_form(principal, task), "links_etag": f'"{etag}"'}


def _list(principal: Principal, task: TaskView) -> dict[str, Any]:
    links = links_page(
        principal.org_id,
        LinkFilter(task_id=task.id),
        sort=LinkSort.CREATED_DESC,
        viewer=principal.role,
    )
    return {
        "org_id": principal.org_id,
        "links": links,
        "links_url": links_url(principal.org_id, task),
        "may_write": principal.may(Permission.LINK_WRITE),
        "manages": principal.may(Permission.INTEGRATION),
    }


def _form(principal: Principal, task: TaskView) -> dict[str, Any]:
    base_url = connection_of(principal.org_id).base_url
    return {
        "links_url": links_url(principal.org_id, task),
        "connected": base_url is not None,
        "example": f"{base_url}{EXAMPLE_PATH}",
    }
