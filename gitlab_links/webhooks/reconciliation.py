"""Settling what sweeps have found: told by an event after all, or missed."""

import uuid
from collections import Counter, defaultdict
from datetime import datetime, timedelta

from sqlalchemy import exists, select

from gitlab_links.extensions import db
from gitlab_links.hooks.counting import Changes, count_changes
from gitlab_links.hooks.watching import note_missed
from gitlab_links.links.models import GitLabItem
from gitlab_links.webhooks.models import GitLabWebhookDelivery

# How long the event of a change that a sweep has found may still be under way.
GRACE = timedelta(seconds=30)
ITEMS_A_TIME = 1000


def settle(now: datetime) -> int:
    """Count changes whose event has not come as missed, and have their hooks looked at.

    Where deliveries of the org wait for a worker it may be among them: not yet, then. The
    caller commits; returns how many were missed.
    """
    waiting = exists().where(
        GitLabWebhookDelivery.org_id == GitLabItem.org_id,
        GitLabWebhookDelivery.due_at.is_not(None),
        GitLabWebhookDelivery.attempts <= 1,
    )
    items = db.session.scalars(
        select(GitLabItem)
        .where(GitLabItem.unheard_since <= now - GRACE, ~waiting)
        .order_by(GitLabItem.id)
        .limit(ITEMS_A_TIME)
        .with_for_update(of=GitLabItem, skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    missed: defaultdict[uuid.UUID, Counter[uuid.UUID]] = defaultdict(Counter)
    for item in items:
        item.unheard_since = None
        missed[item.org_id][item.project_id] += 1
    db.session.flush()
    for org_id, projects in missed.items():
        counts = {project: Changes(by_sweep=count) for project, count in projects.items()}
        count_changes(org_id, counts, now.date())
        note_missed(org_id, projects, now)
    return len(items)
