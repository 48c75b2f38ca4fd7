"""Which word on an item counts: the one rule for webhooks and fetches, free of any I/O.

GitLab's times are compared with GitLab's times only; our clock decides no more than
whether GitLab's is believable and whether one thing happened before another here.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

# A body stamped further ahead of our clock than this is not believed.
CLOCK_TOLERANCE = timedelta(minutes=1)
# For this long after a webhook, a fetch that answers with older content is taken for a
# replica that lags behind, and is repeated.
REPLICA_LAG = timedelta(seconds=10)
GRAIN = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Claim:
    """The oldest applied body that no fetch has confirmed: when it came in, and the time that
    its object bears.
    """

    received_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """How current the cached content is; see ``GitLabItem`` for the meaning of each."""

    source_updated_at: datetime | None
    fetched_at: datetime | None
    webhook_applied_at: datetime | None
    claim: Claim | None = None


class BodyVerdict(Enum):
    """What to do with the content of a webhook body."""

    APPLY = "apply"
    FETCH = "fetch"
    DROP = "drop"


def weigh_body(
    known: Known, updated_at: datetime | None, received_at: datetime, *, trusted: bool = True
) -> BodyVerdict:
    """Judge a body by the time its object bears and when it came in.

    One that is not ``trusted`` leads to a fetch at most.

    Strictly newer content is applied; anything else (a tie, no time, a time from the
    future, a time before the cached one) is settled by a fetch. Where a fetch began after
    the body came in, it has settled that, and the body is dropped; unless the body is
    newer even so, as when the fetch met a replica that lags behind: then by another fetch.
    """
    believed = updated_at is not None and updated_at <= received_at + CLOCK_TOLERANCE
    newer = believed and _is_newer(updated_at, known.source_updated_at)
    fetched_since = known.fetched_at is not None and known.fetched_at >= received_at
    if not trusted:
        return BodyVerdict.DROP if fetched_since else BodyVerdict.FETCH
    if newer == fetched_since:
        return BodyVerdict.FETCH
    return BodyVerdict.APPLY if newer else BodyVerdict.DROP


def _is_newer(updated_at: datetime | None, known: datetime | None) -> bool:
    return known is None or (updated_at is not None and updated_at > known)


class Fetched(Enum):
    """What to do with the answer of a fetch."""

    APPLY = "apply"
    REPEAT = "repeat"
    DROP = "drop"


def weigh_fetched(
    known: Known,
    updated_at: datetime | None,
    started_at: datetime,
    *,
    hides: bool = False,
) -> Fetched:
    """Judge an answer by when its fetch began.

    A fetch wins over whatever was there, except over a fetch that began later, and except
    for a short while over a webhook with newer content. That while begins with the oldest
    webhook whose content no fetch has met yet: however many follow, GitLab's API is put off no
    longer. An answer that ``hides`` the item, as it says that it is confidential, is never put
    off. GitLab's time has the grain of a second: of two that bear the same, a webhook that came
    in after the fetch began may be the newer one, which another fetch settles.
    """
    if known.fetched_at is not None and known.fetched_at > started_at:
        return Fetched.DROP
    if (
        hides
        or known.webhook_applied_at is None
        or known.source_updated_at is None
        or updated_at is None
    ):
        return Fetched.APPLY
    older = _is_older(known, updated_at) and started_at < _put_off_until(known, updated_at)
    tie = updated_at == known.source_updated_at and started_at < known.webhook_applied_at
    return Fetched.REPEAT if older or tie else Fetched.APPLY


def contradicts(known: Known, updated_at: datetime | None, started_at: datetime) -> bool:
    """Whether an answer shows that GitLab never had content as new as an applied body's.

    No replica lags behind for as long as that.
    """
    if known.claim is None or updated_at is None:
        return False
    newest = max(known.claim.updated_at, known.source_updated_at or known.claim.updated_at)
    # Of one moment, bodies and answers may bear more or less of the fraction of the second.
    denied = updated_at <= newest - GRAIN
    return denied and started_at >= _put_off_until(known, updated_at)


def is_same_version(known: Known, updated_at: datetime | None) -> bool:
    """Whether an answer bears the time of what is cached, as far as the grain goes."""
    if known.source_updated_at is None or updated_at is None:
        return False
    return abs(updated_at - known.source_updated_at) < GRAIN


def _is_older(known: Known, updated_at: datetime) -> bool:
    return known.source_updated_at is not None and updated_at < known.source_updated_at


def _put_off_until(known: Known, updated_at: datetime) -> datetime:
    since = known.webhook_applied_at
    if known.claim is not None and updated_at < known.claim.updated_at:
        since = known.claim.received_at
    return (since or datetime.min.replace(tzinfo=updated_at.tzinfo)) + REPLICA_LAG


def met(known: Known, updated_at: datetime | None) -> bool:
    """Whether an answer is as new as the oldest body that no fetch has confirmed."""
    return known.claim is not None and (updated_at is None or updated_at >= known.claim.updated_at)


def believable(updated_at: datetime | None, now: datetime) -> datetime | None:
    """GitLab's time, no further ahead of ours than the tolerance.

    Without the bound one wrong clock would make every later event look old.
    """
    return None if updated_at is None else min(updated_at, now + CLOCK_TOLERANCE)
