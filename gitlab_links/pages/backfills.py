"""Looking back for mentions: what would be linked, and the buttons to link, stop and resume."""

import uuid

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.roles import Permission
from gitlab_links.backfills.changes import RUNNING, Step, start, take_step
from gitlab_links.backfills.queries import found_items, latest_backfill
from gitlab_links.errors import Conflict, NotFound
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.mentions.queries import pending_mentions
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.integration import PATH

MOST_SHOWN = 500
MOST_PENDING = 100
RELOAD_SECONDS = 3


@pages.get(f"{PATH}/mentions")
@access(Permission.INTEGRATION)
def backfill_page(org_id: uuid.UUID) -> ResponseReturnValue:
    """The newest look back. While it runs, the page loads itself again."""
    backfill = latest_backfill(org_id)
    items = (
        ()
        if backfill is None
        else found_items(org_id, backfill.id, current_principal().role, limit=MOST_SHOWN)
    )
    return render_template(
        "integration/backfill.html",
        org_id=org_id,
        backfill=backfill,
        items=items,
        pending=pending_mentions(org_id, current_principal().role, limit=MOST_PENDING),
        running=backfill is not None and backfill.stage in RUNNING,
        reload_seconds=RELOAD_SECONDS,
    )


@pages.post(f"{PATH}/mentions")
@access(Permission.INTEGRATION)
def start_backfill(org_id: uuid.UUID) -> ResponseReturnValue:
    """Begin to look; nothing is linked yet."""
    try:
        start(current_principal())
    except Conflict as refusal:
        flash(refusal.detail, "error")
    return _back(org_id)


@pages.post(f"{PATH}/mentions/<any(link, stop, resume):step>")
@access(Permission.INTEGRATION)
def step_backfill(org_id: uuid.UUID, step: str) -> ResponseReturnValue:
    """Link what the newest look back found, stop it, or resume it."""
    backfill = latest_backfill(org_id)
    if backfill is None:
        raise NotFound
    try:
        take_step(current_principal(), backfill.id, Step(step))
    except Conflict as refusal:
        flash(refusal.detail, "error")
    return _back(org_id)


def _back(org_id: uuid.UUID) -> ResponseReturnValue:
    return redirect(url_for("pages.backfill_page", org_id=org_id))
