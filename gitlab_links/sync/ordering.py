"""Decide which source of an item's content wins: one rule for webhooks and fetches. No I/O.

GitLab's times are compared only with GitLab's times. Our clock decides only whether GitLab's
time is plausible, and which of two events happened first here.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

# A body with a time further ahead of our clock than this is not trusted.
CLOCK_TOLERANCE = timedelta(minutes=1)
# For this long after a webhook, a fetch with older content is repeated: a replica may lag.
REPLICA_LAG = timedelta(seconds=10)
GRAIN = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Claim:
    """The oldest applied body that no fetch has confirmed: when it was received, and its
    object's ``updated_at``.
    """

    received_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """How current the cached content is; ``GitLabItem`` explains the fields."""

    source_updated_at: datetime | None
    fetched_at: datetime | None
    webhook_applied_at: datetime | None
    claim: Claim | None = None


class Trust(Enum):
    """How much a webhook is trusted: fully, until GitLab's API confirms it, or only enough to
    request a fetch.
    """

    PROVEN = "proven"
    UNTIL_CONFIRMED = "until_confirmed"
    NONE = "none"


class BodyVerdict(Enum):
    """What to do with the content of a webhook body."""

    APPLY = "apply"
    FETCH = "fetch"
    DROP = "drop"


def decide_on_body(
    known: Known, updated_at: datetime | None, received_at: datetime, *, trusted: bool = True
) -> BodyVerdict:
    """Decide by the time of the body's object and when the body was received.

    A body that is not ``trusted`` causes at most a fetch.

    Strictly newer content is applied. Otherwise (a tie, no time, a time in the future, an
    older time) a fetch decides. If a fetch began after the body was received, it has decided
    already, and the body is dropped. If the body is newer even then, the fetch may have read
    a lagging replica, and another fetch decides.
    """
    newer = (
        updated_at is not None
        and updated_at <= received_at + CLOCK_TOLERANCE
        and (known.source_updated_at is None or updated_at > known.source_updated_at)
    )
    fetched_since = known.fetched_at is not None and known.fetched_at >= received_at
    if not trusted:
        return BodyVerdict.DROP if fetched_since else BodyVerdict.FETCH
    if newer == fetched_since:
        return BodyVerdict.FETCH
    return BodyVerdict.APPLY if newer else BodyVerdict.DROP


def unproven_after(
    since: datetime | None, trust: Trust, received_at: datetime, *, changes: bool, complete: bool
) -> datetime | None:
    """Since when what the status rules see of an item is not proven, after a body was applied;
    None if it is.

    ``changes``: the body has changed that. ``complete``: the body has all of it. An answer of
    GitLab's API that is applied proves everything.
    """
    if trust is Trust.PROVEN:
        return None if complete else since
    return since or (received_at if changes else None)


class FetchVerdict(Enum):
    """What to do with the answer of a fetch."""

    APPLY = "apply"
    REPEAT = "repeat"
    DROP = "drop"


def decide_on_fetched(
    known: Known,
    updated_at: datetime | None,
    started_at: datetime,
    *,
    hides: bool = False,
) -> FetchVerdict:
    """Decide by the time when the fetch began.

    A fetch wins over the cached content, with two exceptions: a fetch that began later wins,
    and for ``REPLICA_LAG`` a webhook with newer content wins. That time starts with the oldest
    webhook that no fetch has confirmed, so more webhooks do not delay GitLab's API further.
    An answer that ``hides`` the item because it is confidential is applied at once. GitLab's
    times have a precision of a second: if both are equal, a webhook that was received after
    the fetch began may be newer, and another fetch decides.
    """
    if known.fetched_at is not None and known.fetched_at > started_at:
        return FetchVerdict.DROP
    if (
        hides
        or known.webhook_applied_at is None
        or known.source_updated_at is None
        or updated_at is None
    ):
        return FetchVerdict.APPLY
    older = updated_at < known.source_updated_at
    delayed = older and started_at < _delayed_until(known, updated_at)
    tie = updated_at == known.source_updated_at and started_at < known.webhook_applied_at
    return FetchVerdict.REPEAT if delayed or tie else FetchVerdict.APPLY


def contradicts(known: Known, updated_at: datetime | None, started_at: datetime) -> bool:
    """Whether an answer proves that GitLab never had content as new as an applied body's.

    No replica lags for that long.
    """
    if known.claim is None or updated_at is None:
        return False
    newest = max(known.claim.updated_at, known.source_updated_at or known.claim.updated_at)
    # For one moment, bodies and answers may have different fractions of the second.
    denied = updated_at <= newest - GRAIN
    return denied and started_at >= _delayed_until(known, updated_at)


def missed_a_body(known: Known, updated_at: datetime | None, started_at: datetime) -> bool:
    """Whether a newer body came while the answer was on its way: an answer that is applied
    nevertheless says nothing about that body, and another fetch decides.
    """
    return (
        updated_at is not None
        and known.source_updated_at is not None
        and known.webhook_applied_at is not None
        and updated_at < known.source_updated_at
        and started_at < known.webhook_applied_at
    )


def is_same_version(known: Known, updated_at: datetime | None) -> bool:
    """Whether an answer has the time of the cached content, within ``GRAIN``."""
    if known.source_updated_at is None or updated_at is None:
        return False
    return abs(updated_at - known.source_updated_at) < GRAIN


def _delayed_until(known: Known, updated_at: datetime) -> datetime:
    since = known.webhook_applied_at
    if known.claim is not None and updated_at < known.claim.updated_at:
        since = known.claim.received_at
    return (since or datetime.min.replace(tzinfo=updated_at.tzinfo)) + REPLICA_LAG


def confirms(known: Known, updated_at: datetime | None) -> bool:
    """Whether an answer is at least as new as the oldest unconfirmed body."""
    return known.claim is not None and (updated_at is None or updated_at >= known.claim.updated_at)


def clamp_to_now(updated_at: datetime | None, now: datetime) -> datetime | None:
    """GitLab's time, at most ``CLOCK_TOLERANCE`` ahead of ours.

    Without this limit, one wrong clock would make every later event seem old.
    """
    return None if updated_at is None else min(updated_at, now + CLOCK_TOLERANCE)
