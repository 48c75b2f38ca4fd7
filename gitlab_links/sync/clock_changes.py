"""Repair dates in the future: the clock was set back after they were written.

The meaning of such a date is lost, so its row becomes due at once, as after an outage of the
service. The sweep does this every two seconds. A clock that is set back by an hour then costs
seconds, not an hour.
"""

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, or_, select, update

from gitlab_links.extensions import change_rows
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.models import GitLabItem
from gitlab_links.observations.models import GitLabProjectWatch
from gitlab_links.storage.waits import TOLERANCE, Wait
from gitlab_links.sync.pausing import LONGEST_PAUSE

LEASE = timedelta(seconds=30)
# A piece is one statement and one commit, so its locks are short.
ITEMS_A_PIECE = 2_000

_integration = OrgGitLabIntegration
_item = GitLabItem
_watch = GitLabProjectWatch
_LEASED = Wait.of_all(_integration.sync_leased_until, LEASE)


def not_leased(now: datetime) -> ColumnElement[bool]:
    """Whether an integration is not leased; no lease lasts longer than ``LEASE``."""
    return or_(_integration.sync_leased_until.is_(None), _LEASED.is_over(now))


def orgs_with_future_dates(now: datetime) -> Select[uuid.UUID]:
    """Connected orgs with a date in the future; one index probe per org."""
    later = now + TOLERANCE
    requested = exists().where(_item.org_id == _integration.org_id, _requested_later(later))
    return select(_integration.org_id).where(
        _integration.token_ciphertext.is_not(None),
        or_(
            _integration.last_synced_at > later,
            _integration.updated_at > later,
            _integration.items_due_since > later,
            _integration.paused_until > later + LONGEST_PAUSE,
            requested,
        ),
    )


def make_items_due(org_id: uuid.UUID, now: datetime) -> int:
    """Make a piece of the org's items with future dates due. Returns their number.

    The caller commits, and calls again until it is 0.
    """
    later = now + TOLERANCE
    dated = (_item.last_synced_at, _item.fetched_at, _item.webhook_applied_at)
    wrong = or_(_requested_later(later), *(column > later for column in dated))
    piece = select(_item.id).where(_item.org_id == org_id, wrong).limit(ITEMS_A_PIECE)
    columns = (_item.refresh_requested_at, _item.last_webhook_at, _item.missed_since)
    # A fetch or a webhook under way began after the clock was set back, some seconds ago at most.
    # It has to count as newer than what is cached.
    dates = {column.key: _at_most(column, now, now - TOLERANCE) for column in dated}
    dates |= {column.key: _at_most(column, now, now) for column in columns}
    return change_rows(update(_item).where(_item.id.in_(piece)).values(next_sync_at=now, **dates))


def make_connection_due(org_id: uuid.UUID, now: datetime) -> None:
    """Repair the dates of the connection and of the projects' webhooks; failed items are due too.

    This ends a pause and clears the rate limit; GitLab reports both again if they still apply.
    The caller commits.
    """
    later = now + TOLERANCE
    failed = and_(
        _item.org_id == org_id,
        or_(_item.error_code.is_not(None), _item.last_synced_at.is_(None)),
    )
    change_rows(update(_item).where(failed, _item.next_sync_at > now).values(next_sync_at=now))
    columns = (_watch.checked_at, _watch.last_event_at, _watch.last_missed_at)
    change_rows(
        update(_watch)
        .where(_watch.org_id == org_id, or_(*(column > later for column in columns)))
        .values(check_due_at=now, **{column.key: _at_most(column, now, now) for column in columns})
    )
    change_rows(
        update(_integration)
        .where(_integration.org_id == org_id)
        .values(
            paused_until=None,
            rate_limit_reset_at=None,
            last_synced_at=_at_most(_integration.last_synced_at, now, now),
            token_checked_at=_at_most(_integration.token_checked_at, now, now),
            token_check_due_at=now,
            error_at=_at_most(_integration.error_at, now, now),
            items_due_since=_at_most(_integration.items_due_since, now, now),
            updated_at=now,
        )
    )


def _requested_later(later: datetime) -> ColumnElement[bool]:
    return _item.refresh_requested_at > later


def _at_most(column: Any, now: datetime, instead: datetime) -> ColumnElement[Any]:
    return case((column > now, instead), else_=column)
