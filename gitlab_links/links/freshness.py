"""When an item is fresh, when it is due again, and what its sync state is called."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

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
# What changes just now changes again soon: looked at more often, unless events tell of it.
RECENTLY = timedelta(hours=1)
RECENT_AT = 0.4
# Where events prove to arrive, a look is only a precaution: as late as the TTL allows.
PROVEN_AT = 0.95
LAST_SECONDS = 10
# What is closed or merged hardly changes: looked at again after a part of the time it has
# been left alone, within bounds. The TTL is the promise for what is open.
ENDED = frozenset({ItemState.CLOSED, ItemState.MERGED})
ENDED_PART = 1 / 8
ENDED_AT_LEAST = 12
ENDED_SECONDS = 86_400
# GitLab does not show the item that was linked: none at all, or another under its number.
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
    """How current a link is, in the words of the contract."""

    status: SyncStatus
    last_synced_at: datetime | None
    next_sync_at: datetime | None
    error_code: str | None
    paused_until: datetime | None


@dataclass(frozen=True, slots=True)
class Connection:
    """What of an org's integration bears on the freshness of its links."""

    base_url: str | None
    error_code: str | None
    paused_until: datetime | None
    confidential_roles: frozenset[Role] = MANAGERS

    @property
    def is_broken(self) -> bool:
        """Whether it is in an error; a pause that GitLab asked for is none."""
        return self.error_code not in {None, ErrorCode.RATE_LIMITED}

    @classmethod
    def of(cls, integration: OrgGitLabIntegration | Row[*tuple[Any, ...]] | None) -> "Connection":
        """The state of an integration, also of one that is missing or without a token."""
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
    """What decides how soon an item is looked at again; ``proven``: its events arrive;
    ``moving``: its pipeline is at work.
    """

    state: str | None = None
    changed_at: datetime | None = None
    proven: bool = False
    moving: bool = False

    @classmethod
    def of(cls, item: GitLabItem, *, proven: bool) -> "Pace":
        """The pace of an item as it is now."""
        moving = item.pipeline_status in PIPELINE_MOVING
        return cls(item.state, item.source_updated_at, proven, moving)


def next_sync_after(synced_at: datetime, ttl_seconds: int, pace: Pace | None = None) -> datetime:
    """When an item synced at ``synced_at`` is due again; spread, so that items part ways."""
    spread = random.uniform(0.95, 1.0)  # noqa: S311
    return synced_at + timedelta(seconds=_interval(synced_at, ttl_seconds, pace or Pace()) * spread)


def _interval(synced_at: datetime, ttl: int, pace: Pace) -> float:
    quiet = max(synced_at - (pace.changed_at or synced_at), timedelta())
    if pace.state in ENDED:
        longest = promise(pace.state, ttl) * REFRESH_AT
        # Merged while its pipeline was at work, it is followed as long as it is news.
        part = REFRESH_AT if pace.moving else ENDED_AT_LEAST * (2 if pace.proven else 1)
        shortest = min(ttl * part, longest)
        return min(max(quiet.total_seconds() * ENDED_PART, shortest), longest)
    if pace.proven:
        return max(ttl * REFRESH_AT, min(ttl * PROVEN_AT, ttl - LAST_SECONDS))
    recently = pace.changed_at is not None and quiet < RECENTLY
    return ttl * (RECENT_AT if recently else REFRESH_AT)


def promise(state: str | None, ttl_seconds: int) -> int:
    """For how many seconds a sync of an item counts as fresh: the TTL for what is open, a
    day for what is closed or merged.
    """
    return max(ttl_seconds, ENDED_SECONDS) if state in ENDED else ttl_seconds


def retry_after(failures: int, now: datetime) -> datetime:
    """When to try again after so many failures in a row: doubling, capped, spread."""
    delay = min(RETRY_FIRST * (1 << min(failures - 1, 20)), RETRY_LAST)
    return now + delay * random.uniform(0.8, 1.0)  # noqa: S311


def is_fresh(last_synced_at: datetime | None, ttl_seconds: int, now: datetime) -> bool:
    """Whether the TTL still holds."""
    return last_synced_at is not None and now < last_synced_at + timedelta(seconds=ttl_seconds)


class Cached(Protocol):
    """What of a cached item and its project tells how current it is."""

    @property
    def base_url(self) -> str: ...
    @property
    def state(self) -> str | None: ...
    @property
    def error_code(self) -> str | None: ...
    @property
    def last_synced_at(self) -> datetime | None: ...
    @property
    def next_sync_at(self) -> datetime: ...


def sync_state(
    item: Cached,
    connection: Connection,
    ttl_seconds: int,
    now: datetime,
    *,
    withheld: bool = False,
) -> SyncState:
    """The state of one link at ``now``.

    Of one whose item is ``withheld`` nothing is told that depends on its state, or on when it
    last changed: how often it is looked at does.

    What is wrong with the item is told at once; what is wrong with the connection only
    from when the :func:`promise` has run out, as until then the item is as fresh as that.
    A pause that GitLab asked for is no error: the link is late and says until when.
    """
    if withheld:
        return _sync_state_of_withheld(item, connection, now)
    code = item.error_code
    fresh = is_fresh(item.last_synced_at, promise(item.state, ttl_seconds), now)
    if connection.base_url is not None and connection.base_url != item.base_url:
        code = ErrorCode.INSTANCE_MISMATCH
    elif code is None and not fresh:
        code = connection.error_code
    paused = _paused(connection, now)
    return SyncState(
        status=_status(item, code, fresh),
        last_synced_at=item.last_synced_at,
        next_sync_at=item.next_sync_at if paused is None else max(paused, item.next_sync_at),
        error_code=code,
        paused_until=paused,
    )


def _sync_state_of_withheld(item: Cached, connection: Connection, now: datetime) -> SyncState:
    code = item.error_code if item.error_code in GONE else None
    if connection.base_url is not None and connection.base_url != item.base_url:
        code = ErrorCode.INSTANCE_MISMATCH
    elif code is None and connection.is_broken:
        code = connection.error_code
    return SyncState(
        status=SyncStatus.OK if code is None else SyncStatus.ERROR,
        last_synced_at=None,
        next_sync_at=None,
        error_code=code,
        paused_until=_paused(connection, now),
    )


def _paused(connection: Connection, now: datetime) -> datetime | None:
    until = connection.paused_until
    return None if until is None or until <= now else until


def _status(item: Cached, code: str | None, fresh: bool) -> SyncStatus:
    if code is not None and code != ErrorCode.RATE_LIMITED:
        return SyncStatus.ERROR
    if fresh:
        return SyncStatus.OK
    return SyncStatus.NEVER if item.last_synced_at is None else SyncStatus.STALE


def request_refresh(item: GitLabItem, now: datetime, *, detail: bool = False) -> None:
    """Mark the item for a fetch that starts no earlier than now.

    ``detail`` asks for the single form as well: see ``sync.details`` for when it is asked.
    """
    item.refresh_requested_at = now
    item.next_sync_at = now
    item.detail_wanted = item.detail_wanted or detail
