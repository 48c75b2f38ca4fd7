"""Changes found by polling whose event did not arrive in time: counted as missed."""

import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import exists, select

from gitlab_links.deliveries.models import GitLabWebhookDelivery
from gitlab_links.extensions import db
from gitlab_links.links.models import GitLabItem
from gitlab_links.observations.change_counts import count_changes
from gitlab_links.observations.project_watches import note_missed

# How late the event of a change found by polling may arrive.
GRACE = timedelta(seconds=30)
ITEMS_A_TIME = 1000


def orgs_with_missed_events(now: datetime) -> Sequence[uuid.UUID]:
    """Orgs with changes whose event has not arrived, and with no deliveries waiting for a
    worker: the event could be among those.
    """
    waiting = exists().where(
        GitLabWebhookDelivery.org_id == GitLabItem.org_id,
        GitLabWebhookDelivery.due_at.is_not(None),
        GitLabWebhookDelivery.attempts <= 1,
    )
    return db.session.scalars(
        select(GitLabItem.org_id).where(GitLabItem.missed_since <= now - GRACE, ~waiting).distinct()
    ).all()


def count_missed(org_id: uuid.UUID, now: datetime) -> int:
    """Count an org's changes without an event as missed, and make checks of their hooks due.

    Returns how many items were missed. The caller commits.
    """
    items = db.session.scalars(
        select(GitLabItem)
        .where(GitLabItem.org_id == org_id, GitLabItem.missed_since <= now - GRACE)
        .order_by(GitLabItem.id)
        .limit(ITEMS_A_TIME)
        .with_for_update(of=GitLabItem, skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    missed: Counter[uuid.UUID] = Counter()
    for item in items:
        item.missed_since = None
        missed[item.project_id] += 1
    db.session.flush()
    if missed:
        count_changes(org_id, "by_sweep", missed, now.date())
        note_missed(org_id, missed, now)
    return len(items)
