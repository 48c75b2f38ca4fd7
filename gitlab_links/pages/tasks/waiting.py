"""What waits on the viewer: linked merge requests to review, to mend or to merge."""

import uuid
from itertools import groupby
from typing import Any

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.roles import Permission
from gitlab_links.errors import Invalid
from gitlab_links.extensions import settings
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.links.queries import connection_of
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.form_fields import pressed, sent
from gitlab_links.pages.live_parts import Live, answer_part, away_words, is_part
from gitlab_links.pages.unapplied import unapplied
from gitlab_links.pages.unsent_forms import Typed, typed_before
from gitlab_links.waiting.accounts import set_gitlab_username
from gitlab_links.waiting.digests import digest_zone, set_digest_zone, time_zones
from gitlab_links.waiting.queries import waiting_for
from gitlab_links.waiting.words import HEADINGS, days_waiting

PART = "waiting"
PATH = "/orgs/<uuid:org_id>/waiting"


@pages.get(PATH)
@access(Permission.LINK_READ)
def waiting_list(org_id: uuid.UUID) -> ResponseReturnValue:
    """The merge requests by reason, the longest waiting first. An open page polls them alone."""
    if is_part(PART):
        return answer_part("waiting/results.html", _shown(org_id))
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
    flash("Saved.", "success")
    return redirect(url_for("pages.waiting_list", org_id=org_id))


@pages.post(f"{PATH}/digest")
@access(Permission.LINK_WRITE)
def save_digest(org_id: uuid.UUID) -> ResponseReturnValue:
    """Turn the viewer's daily mail on or off."""
    [zone] = sent("digest_time_zone")
    wanted = pressed("digest")
    try:
        set_digest_zone(current_principal(), zone if wanted else None)
    except Invalid as refusal:
        return _page(org_id, None, refusal.errors, zone), refusal.status
    flash("You get a mail on workdays." if wanted else "You get no daily mail.", "success")
    return redirect(url_for("pages.waiting_list", org_id=org_id))


def _page(
    org_id: uuid.UUID, typed: str | None, errors: dict[str, list[str]], zone: str | None = None
) -> str:
    saved = digest_zone(org_id, current_principal().user_id)
    return render_template(
        "waiting/list.html",
        **_shown(org_id),
        part=PART,
        typed=typed,
        errors=errors,
        mails=settings().mail_server is not None,
        digest=saved is not None or zone is not None,
        zone=zone if zone is not None else saved or "UTC",
        zones=[(name, name) for name in time_zones()],
        unapplied=unapplied({}),
    )


def _shown(org_id: uuid.UUID) -> dict[str, Any]:
    """The list, as an open page follows it."""
    found = waiting_for(current_principal())
    away = away_words(connection_of(org_id), shows_links=bool(found.waiting))
    url = url_for("pages.waiting_list", org_id=org_id)
    return {
        "live": Live.of(url, away, found),
        "org_id": org_id,
        "username": found.gitlab_username,
        "groups": [
            (reason.value, HEADINGS[reason], list(group))
            for reason, group in groupby(found.waiting, key=lambda one: one.reason)
        ],
        "days_waiting": days_waiting,
    }
