"""What waits on the viewer: linked merge requests to review, to mend or to merge."""

import uuid
from itertools import groupby

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.roles import Permission
from gitlab_links.errors import Invalid
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.links.waits import WaitReason
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.form_fields import sent
from gitlab_links.pages.unsent_forms import Typed, typed_before
from gitlab_links.waiting.accounts import set_gitlab_username
from gitlab_links.waiting.queries import waiting_for

PATH = "/orgs/<uuid:org_id>/waiting"
HEADINGS = {
    WaitReason.REVIEW: "Waiting for your review",
    WaitReason.CHANGES: "Changes asked for",
    WaitReason.FAILED: "Pipeline failed",
    WaitReason.READY: "Ready to merge",
}


@pages.get(PATH)
@access(Permission.LINK_READ)
def waiting_list(org_id: uuid.UUID) -> ResponseReturnValue:
    """The merge requests by reason, the longest waiting first."""
    return _page(org_id, (typed_before() or Typed()).get("gitlab_username"), {})


@pages.post(PATH)
@access(Permission.LINK_WRITE)
def save_gitlab_username(org_id: uuid.UUID) -> ResponseReturnValue:
    """Save the viewer's own GitLab account."""
    [username] = sent("gitlab_username")
    try:
        set_gitlab_username(current_principal(), username)
    except Invalid as refusal:
        return _page(org_id, username, refusal.errors), refusal.status
    flash("Saved." if username else "Your GitLab account is no longer known here.", "success")
    return redirect(url_for("pages.waiting_list", org_id=org_id))


def days_waiting(days: int | None) -> str:
    """In words."""
    if days is None:
        return ""
    return "today" if days == 0 else f"for {days} day{'' if days == 1 else 's'}"


def _page(org_id: uuid.UUID, typed: str | None, errors: dict[str, list[str]]) -> str:
    found = waiting_for(current_principal())
    return render_template(
        "waiting/list.html",
        org_id=org_id,
        username=found.gitlab_username,
        typed=typed,
        errors=errors,
        groups=[
            (HEADINGS[reason], list(group))
            for reason, group in groupby(found.waiting, key=lambda one: one.reason)
        ],
        days_waiting=days_waiting,
    )
