"""How current a cached item is, as the ordering rule reads it from its row."""

from datetime import datetime

from gitlab_links.gitlab.snapshot import UNKNOWN, Snapshot
from gitlab_links.links.models import GitLabItem
from gitlab_links.sync.ordering import (
    CLOCK_TOLERANCE,
    Claim,
    FetchVerdict,
    Known,
    decide_on_fetched,
)


def known_content(item: GitLabItem, now: datetime) -> Known:
    """What the ordering rule compares with."""
    claim, since = None, past(item.unconfirmed_since, now)
    if since is not None and item.unconfirmed_updated_at is not None:
        claim = Claim(since, item.unconfirmed_updated_at)
    return Known(
        item.source_updated_at,
        past(item.fetched_at, now),
        past(item.webhook_applied_at, now),
        claim,
    )


def is_newest(item: GitLabItem, fetched: Snapshot, started_at: datetime, now: datetime) -> bool:
    """Whether an answer of the API wins over the cached content, for a caller that takes only
    some of it.
    """
    updated_at = None if fetched.updated_at is UNKNOWN else fetched.updated_at
    return decide_on_fetched(known_content(item, now), updated_at, started_at) is FetchVerdict.APPLY


def past(moment: datetime | None, now: datetime) -> datetime | None:
    """The moment, or None if it is in the future because the clock was set back."""
    return None if moment is None or moment > now + CLOCK_TOLERANCE else moment
