"""The list of tasks, and one task."""

import uuid

from flask import render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.roles import Permission
from gitlab_links.admin import task_list as listing
from gitlab_links.admin.blueprint import pages
from gitlab_links.admin.login import LAST_ORG
from gitlab_links.admin.paging import Paging
from gitlab_links.admin.task_lookup import task_at
from gitlab_links.admin.task_page import task_page
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal


@pages.get("/orgs/<uuid:org_id>/tasks")
@access(Permission.TASK_READ)
def task_list(org_id: uuid.UUID) -> ResponseReturnValue:
    """The org's tasks, with their links summed up for those who may see them."""
    principal = current_principal()
    sees_links = principal.may(Permission.LINK_READ)
    wanted = listing.Wanted.of(request.args, sees_links=sees_links)
    part = listing.find_tasks(org_id, wanted, sees_links=sees_links, viewer=principal.role)
    if session.get(LAST_ORG) != str(org_id):
        session[LAST_ORG] = str(org_id)
    return render_template(
        "tasks/list.html",
        org_id=org_id,
        wanted=wanted,
        rows=part.rows,
        total=part.total,
        filtered=wanted.narrows or wanted.page > 1,
        sees_links=sees_links,
        may_edit=principal.may(Permission.TASK_WRITE),
        options=listing,
        example_reference=f"{part.task_key}-1",
        paging=Paging.of(
            part.total,
            wanted.page,
            listing.PAGE_SIZE,
            lambda page: url_for("pages.task_list", **wanted.as_query(org_id, page)),
        ),
    )


@pages.get("/orgs/<uuid:org_id>/tasks/<reference>")
@access(Permission.TASK_READ)
def show_task(org_id: uuid.UUID, reference: str) -> ResponseReturnValue:
    """A task with its links."""
    return task_page(current_principal(), task_at(org_id, reference))
