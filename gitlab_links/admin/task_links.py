"""What one may do to the links of a task, and the answer to the live page's question."""

import uuid
from typing import Any

from flask import Response, flash, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Permission
from gitlab_links.admin.blueprint import pages
from gitlab_links.admin.form_fields import sent
from gitlab_links.admin.problem_pages import FRAGMENT_HEADER
from gitlab_links.admin.task_lookup import task_at
from gitlab_links.admin.task_page import (
    form_fragment,
    links_etag,
    links_fragment,
    links_url,
    task_page,
)
from gitlab_links.errors import Conflict, Invalid
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.links.operations import attach, detach, refresh_links_of_task
from gitlab_links.links.queries import find_link
from gitlab_links.tasks.views import TaskView


@pages.get("/orgs/<uuid:org_id>/tasks/<reference>/links")
@access(Permission.LINK_READ)
def task_links(org_id: uuid.UUID, reference: str) -> ResponseReturnValue:
    """The list for the live page: a 304 after five small queries while nothing changed."""
    if not _in_place():
        return redirect(url_for("pages.show_task", org_id=org_id, reference=reference))
    principal = current_principal()
    task = task_at(org_id, reference)
    etag = links_etag(principal, task.id)
    if etag in request.if_none_match:
        return _tagged("", etag, 304)
    return _tagged(links_fragment(principal, task), etag)


@pages.post("/orgs/<uuid:org_id>/tasks/<reference>/links")
@access(Permission.LINK_WRITE)
def attach_link(org_id: uuid.UUID, reference: str) -> ResponseReturnValue:
    """Link the item at the pasted address; what is wrong with it is said beside the field."""
    principal = current_principal()
    task = task_at(org_id, reference)
    [url] = sent("url")
    try:
        link_id = attach(principal, task.id, url)
    except (Invalid, Conflict) as refusal:
        error = " ".join(refusal.errors.get("url", [refusal.detail]))
        if _in_place():
            return form_fragment(principal, task, url, error), refusal.status
        return task_page(principal, task, url=url, error=error), refusal.status
    if _in_place():
        body = links_fragment(principal, task, form=True)
        return _tagged(body, links_etag(principal, task.id), 201)
    flash(f"Linked {find_link(org_id, task.id, link_id).reference}.", "success")
    return redirect(url_for("pages.show_task", org_id=org_id, reference=task.reference))


@pages.post("/orgs/<uuid:org_id>/tasks/<reference>/links/<uuid:link_id>/unlink")
@access(Permission.LINK_WRITE)
def unlink(org_id: uuid.UUID, reference: str, link_id: uuid.UUID) -> ResponseReturnValue:
    """Remove a link; the notice that says so can undo it."""
    task = task_at(org_id, reference)
    link = find_link(org_id, task.id, link_id)
    detach(org_id, task.id, link_id)
    notice = {
        "text": f"Unlinked {link.reference}.",
        "undo_action": links_url(org_id, task),
        "undo_url": link.url,
    }
    return _done(current_principal(), task, "success", notice)


@pages.post("/orgs/<uuid:org_id>/tasks/<reference>/links/refresh")
@access(Permission.LINK_WRITE)
def refresh_links(org_id: uuid.UUID, reference: str) -> ResponseReturnValue:
    """Ask GitLab anew for every item of the task."""
    task = task_at(org_id, reference)
    count = refresh_links_of_task(org_id, task.id)
    words = f"Asking GitLab about {count} {'item' if count == 1 else 'items'}."
    return _done(current_principal(), task, "info", words)


def _in_place() -> bool:
    """Whether the module of the open page asks, which puts the answer in place itself."""
    return FRAGMENT_HEADER in request.headers


def _done(principal: Principal, task: TaskView, category: str, notice: Any) -> ResponseReturnValue:
    if _in_place():
        body = links_fragment(principal, task, notices=[(category, notice)])
        return _tagged(body, links_etag(principal, task.id))
    flash(notice, category)
    return redirect(url_for("pages.show_task", org_id=principal.org_id, reference=task.reference))


def _tagged(body: str, etag: str, status: int = 200) -> Response:
    response: Response = make_response(body, status)
    response.set_etag(etag)
    return response
