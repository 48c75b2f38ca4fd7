"""Decide when an item is fresh, when it is due again, and its sync state."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row

from gitlab_links.accounts.roles import MANAGERS, Role
from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.gitlab.items import ItemState
from gitlab_links.gitlab.pipelines import PIPELINE_MOVING
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.integrations.policy import confidential_roles
from gitlab_links.links.models import GitLabItem

# A scheduled refresh starts this early in the TTL, so that it ends within it.
REFRESH_AT = 0.8
# A recently changed item probably changes again soon. It is polled more often without events.
RECENTLY = timedelta(hours=1)
RECENT_AT = 0.4
# If events arrive, polling is only a precaution, as late as the TTL allows.
PROVEN_AT = 0.95
LAST_SECONDS = 10
# Closed and merged items hardly change. They are polled again after a part of the time without
# a change, within limits. The TTL applies to open items.
ENDED = frozenset({ItemState.CLOSED, ItemState.MERGED})
ENDED_PART = 1 / 8
ENDED_AT_LEAST = 12
ENDED_SECONDS = 86_400
# Lists of changes lack what does not move an item's time. Each item is fetched this often.
FULL_READING = timedelta(hours=21)
# While webhooks are proven to arrive, changes are read this often, and items count as fresh.
TRUSTED_FOR = timedelta(hours=1)
# GitLab does not show the linked item: it shows none, or another one with its number.
GONE = frozenset({ErrorCode.NOT_FOUND, ErrorCode.ANOTHER_ITEM})
RETRY_FIRST = timedelta(seconds=5)
RETRY_LAST = timedelta(hours=1)


class SyncStatus(StrEnum):
    """``never`` fetched, ``ok`` within the TTL, ``stale`` beyond it, ``error`` with a code."""

    NEVER = "never"
    OK = "ok"
    STALE = "stale"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class SyncState:
    """How current a link is, in the API's terms."""

    status: SyncStatus
    last_synced_at: datetime | None
    next_sync_at: datetime | None
    error_code: str | None
    paused_until: datetime | None


@dataclass(frozen=True, slots=True)
class Connection:
    """The state of an org's integration that affects the freshness of its links."""

    base_url: str | None
    error_code: str | None
    paused_until: datetime | None
    confidential_roles: frozenset[Role] = MANAGERS

    @property
    def is_broken(self) -> bool:
        """Whether it has an error. A rate limit is not an error."""
        return self.error_code not in {None, ErrorCode.RATE_LIMITED}

    @classmethod
    def of(cls, integration: OrgGitLabIntegration | Row[*tuple[Any, ...]] | None) -> "Connection":
        """The state of an integration, which may be missing or have no token."""
        if integration is None:
            return cls(None, ErrorCode.MISSING_INTEGRATION, None)
        code, paused_until = integration.error_code, integration.paused_until
        if integration.base_url is None:
            code, paused_until = ErrorCode.MISSING_INTEGRATION, None
        elif integration.token_ciphertext is None:
            code, paused_until = ErrorCode.MISSING_TOKEN, None
        roles = confidential_roles(integration.confidential_roles)
        return cls(integration.base_url, code, paused_until, roles)


@dataclass(frozen=True, slots=True)
class Pace:
    """Decides how soon an item is polled again. ``proven``: its events arrive. ``moving``: its
    pipeline is running.
    """

    state: str | None = None
    changed_at: datetime | None = None
    proven: bool = False
    moving: bool = False

    @classmethod
    def of(cls, item: GitLabItem, *, proven: bool) -> "Pace":
        """The current pace of an item."""
        moving = item.pipeline_status in PIPELINE_MOVING
        return cls(item.state, item.source_updated_at, proven, moving)


def next_sync_after(synced_at: datetime, ttl_seconds: int, pace: Pace | None = None) -> datetime:
    """When an item synced at ``synced_at`` is due again; random, to spread items over time."""
    spread = random.uniform(0.95, 1.0)  # noqa: S311
    return synced_at + timedelta(seconds=_interval(synced_at, ttl_seconds, pace or Pace()) * spread)


def _interval(synced_at: datetime, ttl: int, pace: Pace) -> float:
    quiet = max(synced_at - (pace.changed_at or synced_at), timedelta())
    if pace.state in ENDED:
        longest = promise(pace.state, ttl) * REFRESH_AT
        # After a merge it is polled more often while its pipeline is running.
        part = REFRESH_AT if pace.moving else ENDED_AT_LEAST * (2 if pace.proven else 1)
        shortest = min(ttl * part, longest)
        return min(max(quiet.total_seconds() * ENDED_PART, shortest), longest)
    if pace.proven:
        return max(ttl * REFRESH_AT, min(ttl * PROVEN_AT, ttl - LAST_SECONDS))
    recently = pace.changed_at is not None and quiet < RECENTLY
    return ttl * (RECENT_AT if recently else REFRESH_AT)


def promise(state: str | None, ttl_seconds: int, *, trusted: bool = False) -> int:
    """How many seconds a synced item counts as fresh: the TTL for open items, at least a day
    for closed and merged ones. While webhooks are ``trusted``, ``TRUSTED_FOR`` longer: a change
    would arrive.
    """
    if state in ENDED:
        return max(ttl_seconds, ENDED_SECONDS)
    return ttl_seconds + int(TRUSTED_FOR.total_seconds()) if trusted else ttl_seconds


def retry_after(failures: int, now: datetime) -> datetime:
    """The time of the next attempt after ``failures`` in a row: doubled, limited, random."""
    delay = min(RETRY_FIRST * (1 << min(failures - 1, 20)), RETRY_LAST)
    return now + delay * random.uniform(0.8, 1.0)  # noqa: S311


def is_fresh(last_synced_at: datetime | None, ttl_seconds: int, now: datetime) -> bool:
    """Whether the TTL has not passed yet."""
    return last_synced_at is not None and now < last_synced_at + timedelta(seconds=ttl_seconds)


# The columns of an item and its project that show how current the item is.
Cached = Row[*tuple[Any, ...]]


def sync_state(
    item: Cached,
    connection: Connection,
    ttl_seconds: int,
    now: datetime,
    *,
    withheld: bool = False,
) -> SyncState:
    """The state of one link at ``now``.

    If the item is ``withheld``, the result has no sync times: they depend on its state and on
    the time of its last change, which must not be revealed.

    An error of the item is shown at once. An error of the connection is shown only after the
    time of :func:`promise`, because the item is fresh until then. A rate limit is not an
    error: the link is stale and has the end of the pause.
    """
    code = item.error_code
    if withheld:
        code = code if code in GONE else None
        fresh = not connection.is_broken
    else:
        trusted = item.trusted_until is not None and item.trusted_until > now
        seconds = promise(item.state, ttl_seconds, trusted=trusted)
        fresh = is_fresh(item.last_synced_at, seconds, now)
    if connection.base_url is not None and connection.base_url != item.base_url:
        code = ErrorCode.INSTANCE_MISMATCH
    elif code is None and not fresh:
        code = connection.error_code
    until = connection.paused_until
    paused = None if until is None or until <= now else until
    next_sync_at = item.next_sync_at if paused is None else max(paused, item.next_sync_at)
    return SyncState(
        status=_status(item, code, fresh),
        last_synced_at=None if withheld else item.last_synced_at,
        next_sync_at=None if withheld else next_sync_at,
        error_code=code,
        paused_until=paused,
    )


def _status(item: Cached, code: str | None, fresh: bool) -> SyncStatus:
    if code is not None and code != ErrorCode.RATE_LIMITED:
        return SyncStatus.ERROR
    if fresh:
        return SyncStatus.OK
    return SyncStatus.NEVER if item.last_synced_at is None else SyncStatus.STALE


def request_refresh(item: GitLabItem, now: datetime, *, detail: bool = False) -> None:
    """Request a fetch of the item that starts now or later.

    ``detail`` requests the single form too; see ``sync.merge_request_details`` for when it is
    fetched.
    """
    item.refresh_requested_at = now
    item.next_sync_at = now
    item.detail_wanted = item.detail_wanted or detail
