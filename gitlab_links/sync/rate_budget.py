"""The part of GitLab's rate limit that looking by ourselves may use: others need the rest."""

import uuid
from datetime import datetime, timedelta

from sqlalchemy import update

from gitlab_links.extensions import db
from gitlab_links.gitlab.answers import RateLimit
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.models import GitLabItem

# Scheduled looks leave this part of the limit to what somebody waits for, and to whoever
# else calls with the same account.
LEFT_FOR_OTHERS = 0.5
LONGEST_WAIT = timedelta(minutes=10)
# No GitLab counts calls over a longer time. A wrong header must not keep an org waiting for years.
LONGEST_WINDOW = timedelta(hours=1)


def used_up_until(integration: OrgGitLabIntegration, now: datetime) -> datetime | None:
    """Until when scheduled looks have to wait; None while their share lasts."""
    limit, remaining = integration.rate_limit, integration.rate_limit_remaining
    reset_at = integration.rate_limit_reset_at
    if limit is None or remaining is None or reset_at is None or reset_at <= now:
        return None
    if remaining > limit * LEFT_FOR_OTHERS:
        return None
    return min(reset_at, now + LONGEST_WAIT)


def note_rate_limit(integration: OrgGitLabIntegration, told: RateLimit, now: datetime) -> None:
    """Keep what GitLab's newest answer says of its limit, an end of the window an hour at most
    from now.
    """
    integration.rate_limit = told.limit
    integration.rate_limit_remaining = told.remaining
    reset_at = told.reset_at
    integration.rate_limit_reset_at = reset_at and min(reset_at, now + LONGEST_WINDOW)


def put_off_scheduled(org_id: uuid.UUID, until: datetime, now: datetime) -> None:
    """Nothing but what was asked for is due before then."""
    db.session.execute(
        update(GitLabItem)
        .where(
            GitLabItem.org_id == org_id,
            GitLabItem.next_sync_at <= now,
            GitLabItem.refresh_requested_at.is_(None),
        )
        .values(next_sync_at=until)
        .execution_options(synchronize_session=False)
    )
