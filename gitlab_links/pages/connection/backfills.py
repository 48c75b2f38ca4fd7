"""Looking back for mentions: what would be linked, and the buttons to link, stop and resume."""

import uuid
from collections.abc import Sequence
from typing import Any

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.roles import Permission, Role
from gitlab_links.backfills.changes import RUNNING, Step, start, take_step
from gitlab_links.backfills.models import BackfillStage
from gitlab_links.backfills.queries import FoundItem, found_items, latest_backfill
from gitlab_links.errors import Conflict, NotFound
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.links.freshness import Connection
from gitlab_links.links.queries import connection_of
from gitlab_links.mentions.dismissed import count_dismissed, dismissed_mentions
from gitlab_links.mentions.queries import has_pending, pending_mentions
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.connection.integration import PATH
from gitlab_links.pages.live_parts import Live, answer_part, away_words, is_part

MOST_SHOWN = 500
MOST_PENDING = MOST_REMOVED = 100
PART = "mentions"


@pages.get(f"{PATH}/mentions")
@access(Permission.INTEGRATION)
def backfill_page(org_id: uuid.UUID) -> ResponseReturnValue:
    """The newest look back, and what mentions tasks that make no link."""
    connection, role = connection_of(org_id), current_principal().role
    shown = _shown(org_id, role, connection)
    if is_part(PART):
        return answer_part("integration/backfill_live.html", shown)
    return render_template(
        "integration/backfill.html",
        **shown,
        part=PART,
        pending=pending_mentions(org_id, role, connection, limit=MOST_PENDING),
        removed=dismissed_mentions(org_id, role, connection, limit=MOST_REMOVED),
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


def _shown(org_id: uuid.UUID, role: Role, connection: Connection) -> dict[str, Any]:
    """What changes while the page is open.

    While a look back runs, a poll brings no list of what it found: it would be long, and the same
    again but for an item. An open page leaves the list that it has.
    """
    backfill = latest_backfill(org_id)
    running = backfill is not None and backfill.stage in RUNNING
    items: Sequence[FoundItem] = ()
    if backfill is not None and not (running and is_part(PART)):
        items = found_items(org_id, backfill.id, role, connection, limit=MOST_SHOWN)
    count_removed, others = 0, False
    if backfill is not None and backfill.stage == BackfillStage.FOUND:
        count_removed = count_dismissed(org_id, role, connection)
        others = has_pending(org_id, role, connection)
    here = url_for("pages.backfill_page", org_id=org_id)
    away = away_words(connection, shows_links=False)
    return {
        "org_id": org_id,
        "live": Live.of(here, away, backfill, () if running else items, count_removed, others),
        "backfill": backfill,
        "running": running,
        "items": items,
        "count_removed": count_removed,
        "is_all_linked": not (count_removed or others or (backfill and backfill.skipped)),
    }


def _back(org_id: uuid.UUID) -> ResponseReturnValue:
    return redirect(url_for("pages.backfill_page", org_id=org_id))
