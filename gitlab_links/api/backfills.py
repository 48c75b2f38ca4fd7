"""/api/orgs/<org_id>/integrations/gitlab/backfills: looking back for mentions; and
/pending-mentions: those that make no link yet
"""

import uuid
from functools import partial
from typing import Any

from gitlab_links.accounts.roles import Permission
from gitlab_links.api.answers import location
from gitlab_links.api.blueprints import integrations, refuses
from gitlab_links.api.health import BASE, NO_CREDENTIALS
from gitlab_links.api.paging import listed
from gitlab_links.api.schemas.backfills import (
    BackfillChange,
    BackfillEnvelope,
    FoundItemsEnvelope,
)
from gitlab_links.api.schemas.common import Page
from gitlab_links.api.schemas.pending_mentions import PendingMentionsEnvelope
from gitlab_links.backfills.changes import (
    BackfillRunning,
    NothingToDo,
    Step,
    lock_backfill,
    start,
    take_step,
)
from gitlab_links.backfills.queries import find_backfill, found_items
from gitlab_links.http.access import access
from gitlab_links.http.conditional import locks
from gitlab_links.http.guard import current_principal
from gitlab_links.links.queries import connection_of
from gitlab_links.mentions.queries import pending_mentions


@integrations.post(f"{BASE}/backfills")
@access(Permission.INTEGRATION)
@integrations.returns(202, BackfillEnvelope)
@refuses(BackfillRunning, *NO_CREDENTIALS)
def gitlab_backfills_post(org_id: uuid.UUID) -> Any:
    """Look back for mentions of tasks

    A worker reads the items of the org's projects that mention a task, within the rate limit's
    share, and links none of them. It shows what it found; `link` links it.
    """
    made = find_backfill(org_id, start(current_principal()).id)
    where = location("integrations.gitlab_backfill_get", org_id=org_id, backfill_id=made.id)
    return {"backfill": made}, 202, where


@integrations.get(f"{BASE}/backfills/<uuid:backfill_id>")
@access(Permission.INTEGRATION)
@integrations.returns(200, BackfillEnvelope)
def gitlab_backfill_get(org_id: uuid.UUID, backfill_id: uuid.UUID) -> dict[str, Any]:
    """Show how far a look back is

    It is deleted after 30 days.
    """
    return {"backfill": find_backfill(org_id, backfill_id)}


@integrations.patch(f"{BASE}/backfills/<uuid:backfill_id>")
@access(Permission.INTEGRATION)
@integrations.body(BackfillChange)
@integrations.returns(200, BackfillEnvelope)
@locks(lambda backfill_id: lock_backfill(current_principal(), backfill_id))
@refuses(BackfillRunning, NothingToDo)
def gitlab_backfill_patch(
    change: dict[str, Any], org_id: uuid.UUID, backfill_id: uuid.UUID
) -> dict[str, Any]:
    """Link what a look back found, stop it, or resume it

    Links made so trigger no status rule.
    """
    take_step(current_principal(), backfill_id, Step(change["step"]))
    return {"backfill": find_backfill(org_id, backfill_id)}


@integrations.get(f"{BASE}/backfills/<uuid:backfill_id>/items")
@access(Permission.INTEGRATION)
@integrations.query(Page)
@integrations.returns(200, FoundItemsEnvelope)
def gitlab_backfill_items_get(
    query: dict[str, Any], org_id: uuid.UUID, backfill_id: uuid.UUID
) -> dict[str, Any]:
    """List what a look back found"""
    find_backfill(org_id, backfill_id)
    viewer, connection = current_principal().role, connection_of(org_id)
    return listed("items", query, partial(found_items, org_id, backfill_id, viewer, connection))


@integrations.get(f"{BASE}/pending-mentions")
@access(Permission.INTEGRATION)
@integrations.query(Page)
@integrations.returns(200, PendingMentionsEnvelope)
def gitlab_pending_mentions_get(query: dict[str, Any], org_id: uuid.UUID) -> dict[str, Any]:
    """List the mentions that make no link yet

    The newest first: of tasks that do not exist yet, and in items that name more than 20 tasks.
    Kept for 90 days, 2,000 of an org at most. A caller who may not see confidential items gets
    merge requests only.
    """
    viewer, connection = current_principal().role, connection_of(org_id)
    return listed("mentions", query, partial(pending_mentions, org_id, viewer, connection))
