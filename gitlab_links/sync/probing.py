"""Asking about projects by way of one item each, for somebody who looks."""

import uuid
from datetime import datetime

from sqlalchemy import func, select, update

from gitlab_links.extensions import db
from gitlab_links.links.models import GitLabItem


def probe_projects(org_id: uuid.UUID, now: datetime, unless_since: datetime) -> bool:
    """Make one item due of each project of which nothing was fetched since; says whether.

    The answer tells what the project is called now, and whether the token still sees it.
    """
    item = GitLabItem
    first = func.row_number().over(
        partition_by=item.project_id,
        # What is gone for good tells nothing of its project.
        order_by=(item.error_code.is_not(None), item.next_sync_at),
    )
    newest = func.max(item.last_synced_at).over(partition_by=item.project_id)
    ranked = (
        select(item.id, first.label("place"), newest.label("newest"))
        .where(item.org_id == org_id)
        .subquery()
    )
    chosen = select(ranked.c.id).where(ranked.c.place == 1, ranked.c.newest < unless_since)
    result = db.session.execute(
        update(item)
        .where(item.id.in_(chosen), item.next_sync_at > now)
        .values(next_sync_at=now)
        .execution_options(synchronize_session=False)
    )
    return bool(result.rowcount)  # type: ignore[attr-defined]
