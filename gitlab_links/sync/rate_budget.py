"""Limit scheduled fetches to a part of GitLab's rate limit; the rest is for other calls."""

import uuid
from datetime import datetime, timedelta

from sqlalchemy import update

from gitlab_links.extensions import change_rows
from gitlab_links.gitlab.answers import RateLimit
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.models import GitLabItem

# The part that scheduled fetches leave for requested fetches, and for other programs with the
# same account.
LEFT_FOR_OTHERS = 0.5
LONGEST_WAIT = timedelta(minutes=10)
# No GitLab uses a longer window. A wrong header must not make an org wait for years.
LONGEST_WINDOW = timedelta(hours=1)


def used_up_until(integration: OrgGitLabIntegration, now: datetime) -> datetime | None:
    """When scheduled fetches may continue; None while their budget is not used up."""
    limit, remaining = integration.rate_limit, integration.rate_limit_remaining
    reset_at = integration.rate_limit_reset_at
    if limit is None or remaining is None or reset_at is None or reset_at <= now:
        return None
    if remaining > limit * LEFT_FOR_OTHERS:
        return None
    return min(reset_at, now + LONGEST_WAIT)


def note_rate_limit(integration: OrgGitLabIntegration, limit: RateLimit, now: datetime) -> None:
    """Store the rate limit of GitLab's latest answer; the window ends in an hour at most."""
    integration.rate_limit = limit.limit
    integration.rate_limit_remaining = limit.remaining
    reset_at = limit.reset_at
    integration.rate_limit_reset_at = reset_at and min(reset_at, now + LONGEST_WINDOW)


def postpone_scheduled(org_id: uuid.UUID, until: datetime, now: datetime) -> None:
    """Postpone the scheduled fetches that are due; requested ones stay due."""
    change_rows(
        update(GitLabItem)
        .where(
            GitLabItem.org_id == org_id,
            GitLabItem.next_sync_at <= now,
            GitLabItem.refresh_requested_at.is_(None),
        )
        .values(next_sync_at=until)
    )
