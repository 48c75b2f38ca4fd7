"""Make every item of an org due after a new address or token, in pieces of limited size.

An org may have hundreds of thousands of items, so whoever saves a token only sets a mark on the
integration (``items_due_since``), and the org's fetcher does this before it calls GitLab.
"""

import uuid
from datetime import datetime

from sqlalchemy import case, or_, select, update

from gitlab_links.clock import utcnow
from gitlab_links.extensions import change_rows, db
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.models import GitLabItem

PIECE = 1000


def make_next_due(org_id: uuid.UUID, since: datetime, after: datetime | None) -> datetime | None:
    """Make the next piece due, as of ``since``. A new token may see what the old one could not,
    so old failures are not waited out.

    Returns where the next piece begins, as ``after`` of the next call; None if nothing is left,
    and then the mark is gone. The caller commits, and may begin anew at any time.
    """
    item = GitLabItem
    untouched = or_(item.next_sync_at > since, item.failures > 0, item.pipeline_hidden.is_(True))
    piece = select(item.id, item.next_sync_at).where(item.org_id == org_id, untouched)
    if after is not None:  # what is before it was made due, and would be read once more
        piece = piece.where(item.next_sync_at >= after)
    rows = db.session.execute(piece.order_by(item.next_sync_at).limit(PIECE)).all()
    if not rows:
        _end(org_id, since)
        return None
    ids = [row.id for row in rows]
    # All code locks items in the order of their ids, which avoids deadlocks.
    db.session.execute(select(item.id).where(item.id.in_(ids)).order_by(item.id).with_for_update())
    due_at = case((item.next_sync_at < since, item.next_sync_at), else_=since)
    change_rows(
        update(item)
        .where(item.id.in_(ids))
        .values(next_sync_at=due_at, changed_at=utcnow(), failures=0, pipeline_hidden=False)
    )
    last: datetime = rows[-1].next_sync_at
    return last


def _end(org_id: uuid.UUID, since: datetime) -> None:
    """Unless another token has been saved meanwhile."""
    integration = OrgGitLabIntegration
    change_rows(
        update(integration)
        .where(integration.org_id == org_id, integration.items_due_since == since)
        .values(items_due_since=None, updated_at=integration.updated_at)
    )
