"""Make every item of an org due after a new address or token, in pieces of limited size.

An org may have hundreds of thousands of items, so whoever saves a token only sets a mark on the
integration (``items_due_since``). The org's fetcher makes a piece due whenever nothing else is.
"""

import uuid
from datetime import datetime

from sqlalchemy import case, select, update

from gitlab_links.clock import utcnow
from gitlab_links.extensions import change_rows, db
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.models import GitLabItem

PIECE = 1000


def make_next_due(org_id: uuid.UUID, since: datetime) -> bool:
    """Make the items due, as of ``since``, that changed last of those unchanged since then. A new
    token may see what the old one could not, so old failures are not waited out.

    Whether there were any; else the mark is gone. An item counts as changed then, so that each
    is made due once, whatever has become of it. The caller commits, and may begin anew at any time.

    ``since`` may be in the future: another host's clock is ahead, or the clock was set back.
    """
    item, now = GitLabItem, utcnow()
    piece = (
        select(item.id)
        .where(item.org_id == org_id, item.changed_at < since)
        .order_by(item.changed_at.desc())
        .limit(PIECE)
    )
    ids = db.session.scalars(piece).all()
    if not ids:
        _end(org_id, since)
        return False
    # All code locks items in the order of their ids, which avoids deadlocks.
    db.session.execute(select(item.id).where(item.id.in_(ids)).order_by(item.id).with_for_update())
    due = min(since, now)
    due_at = case((item.next_sync_at < due, item.next_sync_at), else_=due)
    change_rows(
        update(item)
        .where(item.id.in_(ids))
        .values(next_sync_at=due_at, changed_at=max(now, since), failures=0, pipeline_hidden=False)
    )
    return True


def _end(org_id: uuid.UUID, since: datetime) -> None:
    """Unless another token has been saved meanwhile."""
    integration = OrgGitLabIntegration
    change_rows(
        update(integration)
        .where(integration.org_id == org_id, integration.items_due_since == since)
        .values(items_due_since=None, updated_at=integration.updated_at)
    )
