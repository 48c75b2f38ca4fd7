"""Making keys clickable in GitLab."""

import uuid

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.roles import Permission
from gitlab_links.errors import Conflict, required
from gitlab_links.health.issue_tracker import ask_for_all_trackers, ask_for_tracker
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.connection.integration import PATH
from gitlab_links.pages.form_fields import parsed, sent


@pages.post(f"{PATH}/issue-tracker")
@access(Permission.INTEGRATION)
def set_tracker(org_id: uuid.UUID) -> ResponseReturnValue:
    """Have keys made clickable in one project, or in all; the page shows the result."""
    [project] = sent("project")
    try:
        if project:
            ask_for_tracker(current_principal(), required(parsed(uuid.UUID, project)))
        else:
            ask_for_all_trackers(current_principal())
    except Conflict as refusal:
        flash(refusal.detail, "error")
    return redirect(url_for("pages.integration", org_id=org_id))
