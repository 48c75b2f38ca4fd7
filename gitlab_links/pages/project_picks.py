"""Choosing, from GitLab's list, the projects that get a webhook."""

import uuid

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.roles import Permission
from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict
from gitlab_links.health.project_picks import choices, pick
from gitlab_links.health.report import report_of
from gitlab_links.http.access import access
from gitlab_links.http.gitlab_waits import WAITS
from gitlab_links.http.guard import current_principal
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.integration import PATH

MAX_SEARCH = 100


@pages.get(f"{PATH}/projects")
@access(Permission.INTEGRATION)
def pick_page(org_id: uuid.UUID) -> ResponseReturnValue:
    """The projects that the token's owner maintains, as GitLab lists them now."""
    search = request.args.get("q", "").strip().replace("\0", "")[:MAX_SEARCH]
    try:
        found, failure = choices(current_principal(), search), ""
    except (Conflict, *WAITS) as refusal:
        found, failure = (), refusal.detail
    known = {one.path: one for one in report_of(org_id, utcnow()).projects}
    return render_template(
        "integration/projects.html",
        org_id=org_id,
        search=search,
        failure=failure,
        choices=[(one, choice, known.get(one.path)) for one, choice in found],
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
    noun = "The webhook is" if len(projects) == 1 else f"{len(projects)} webhooks are"
    flash(f"{noun} being created. This page shows the result.", "success")
    return redirect(url_for("pages.integration", org_id=org_id))
