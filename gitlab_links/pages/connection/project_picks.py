"""Choosing, from GitLab's list, the projects that get a webhook."""

import uuid

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.roles import Permission
from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict
from gitlab_links.health.project_picks import Choice, Choices, choices, pick
from gitlab_links.health.watching import make_all_hooks, unwatch
from gitlab_links.http.access import access
from gitlab_links.http.gitlab_waits import WAITS
from gitlab_links.http.guard import current_principal
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.connection.integration import PATH
from gitlab_links.pages.paging import page_in
from gitlab_links.pages.unapplied import typed_texts, unapplied
from gitlab_links.plurals import counted
from gitlab_links.sought_texts import sought


@pages.get(f"{PATH}/projects")
@access(Permission.INTEGRATION)
def pick_page(org_id: uuid.UUID) -> ResponseReturnValue:
    """The projects that the token's owner may read, as GitLab lists them now, by group."""
    search = sought(request.args.get("q", ""))
    page = page_in(request.args)
    try:
        found, failure = choices(current_principal(), search, page), ""
    except (Conflict, *WAITS) as refusal:
        found, failure = Choices((), None), refusal.detail
    groups: dict[str, list[Choice]] = {}
    for one in found.choices:
        groups.setdefault(one.project.namespace, []).append(one)
    return render_template(
        "integration/projects.html",
        org_id=org_id,
        search=search,
        typed=typed_texts({"q": search}),
        unapplied=unapplied({"q": search}, page=page),
        failure=failure,
        groups=groups,
        page=page,
        next_page=found.next_page,
    )


@pages.post(f"{PATH}/projects")
@access(Permission.INTEGRATION)
def pick_listed(org_id: uuid.UUID) -> ResponseReturnValue:
    """Follow the chosen projects; a worker creates their webhooks, and the page shows it."""
    texts = request.form.getlist("project")
    if not texts:
        flash("Choose at least one project.", "error")
        return redirect(url_for("pages.pick_page", org_id=org_id))
    try:
        projects = pick(current_principal(), texts)
    except Conflict as refusal:
        flash(refusal.detail, "error")
        return redirect(url_for("pages.pick_page", org_id=org_id))
    count = sum(one.operation is not None for one in projects)
    hooks = counted(count, "webhook is", "webhooks are")
    made = f" {hooks} being created. This page shows the result." if count else ""
    watched = counted(len(projects), "project is", "projects are")
    flash(f"{watched} watched.{made}", "success")
    return redirect(url_for("pages.integration", org_id=org_id))


@pages.post(f"{PATH}/projects/hooks")
@access(Permission.INTEGRATION)
def make_hooks(org_id: uuid.UUID) -> ResponseReturnValue:
    """Have all missing webhooks created; the page shows the progress."""
    try:
        count = len(make_all_hooks(current_principal(), utcnow()))
    except Conflict as refusal:
        flash(refusal.detail, "error")
    else:
        if not count:
            flash("Every watched project has a working webhook.", "info")
    return redirect(url_for("pages.integration", org_id=org_id))


@pages.post(f"{PATH}/projects/<uuid:project_id>/unwatch")
@access(Permission.INTEGRATION)
def unwatch_project(org_id: uuid.UUID, project_id: uuid.UUID) -> ResponseReturnValue:
    """Stop watching a chosen project."""
    project = unwatch(current_principal(), project_id)
    rest = " It stays in the list as long as it has links." if project.is_linked else ""
    flash(f"{project.path} is no longer watched.{rest}", "success")
    return redirect(url_for("pages.integration", org_id=org_id))
