"""Picking the projects whose webhooks are to be made, from what the token reaches."""

import uuid
from collections.abc import Sequence

from flask import current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from itsdangerous import BadData, URLSafeTimedSerializer

from gitlab_links.accounts.roles import Permission
from gitlab_links.admin.blueprint import pages
from gitlab_links.admin.integration import PATH
from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict
from gitlab_links.gitlab.answers import GitLabFailure
from gitlab_links.gitlab.error_codes import facts_of
from gitlab_links.gitlab.listed import ListedProject
from gitlab_links.health.report import report_of
from gitlab_links.hooks.picking import pick_projects
from gitlab_links.http.access import access
from gitlab_links.http.gitlab_waits import WAITS
from gitlab_links.http.guard import current_principal
from gitlab_links.http.hooks import projects_now

MAX_SEARCH = 100
MOST_PICKED = 50
GOOD_FOR_SECONDS = 3600


class StaleList(Conflict):
    """The list of projects is not one of ours, or an old one."""

    code = "stale_list"


@pages.get(f"{PATH}/projects")
@access(Permission.INTEGRATION)
def pick_page(org_id: uuid.UUID) -> ResponseReturnValue:
    """Projects that the token's owner maintains, as GitLab lists them now."""
    search = request.args.get("q", "").strip().replace("\0", "")[:MAX_SEARCH]
    found: Sequence[ListedProject] = ()
    base_url, failure = "", ""
    try:
        base_url, found = projects_now(current_principal(), search)
    except GitLabFailure as refusal:
        facts = facts_of(refusal.code)
        failure = f"{facts.summary} {facts.remedy}"
    except (Conflict, *WAITS) as refusal:
        failure = refusal.detail
    known = {one.path: one for one in report_of(org_id, utcnow()).projects}
    return render_template(
        "integration/projects.html",
        org_id=org_id,
        search=search,
        failure=failure,
        choices=[(one, _signed(org_id, base_url, one), known.get(one.path)) for one in found],
    )


@pages.post(f"{PATH}/projects")
@access(Permission.INTEGRATION)
def pick(org_id: uuid.UUID) -> ResponseReturnValue:
    """Watch the projects picked; a worker makes their webhooks, and the page shows that."""
    texts = request.form.getlist("project")[:MOST_PICKED]
    if not texts:
        flash("Tick the projects whose changes are to arrive.", "error")
        return redirect(url_for("pages.pick_page", org_id=org_id))
    try:
        picked = [_read(org_id, text) for text in texts]
        base_url = picked[0][0]
        projects = [project for base, project in picked if base == base_url]
        pick_projects(current_principal(), base_url, projects, utcnow())
    except Conflict as refusal:
        flash(refusal.detail, "error")
        return redirect(url_for("pages.pick_page", org_id=org_id))
    noun = "The webhook is" if len(projects) == 1 else f"{len(projects)} webhooks are"
    flash(f"{noun} being made. This page shows what came of it.", "success")
    return redirect(url_for("pages.integration", org_id=org_id))


def _signed(org_id: uuid.UUID, base_url: str, project: ListedProject) -> str:
    """A choice as GitLab listed it: a form cannot pair a path with another project's id."""
    return str(_serializer().dumps([str(org_id), base_url, project.gitlab_id, project.path]))


def _read(org_id: uuid.UUID, text: str) -> tuple[str, ListedProject]:
    try:
        owner, base_url, gitlab_id, path = _serializer().loads(text, max_age=GOOD_FOR_SECONDS)
    except BadData:
        owner = None
    if owner != str(org_id):
        raise StaleList("The list of projects is an old one. Pick from the present one.")
    return base_url, ListedProject(gitlab_id, path)


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.secret_key or "", salt="projects to pick")
