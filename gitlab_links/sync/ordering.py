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


@dataclass(frozen=True, slots=True)
class Known:
    """How current the cached content is; see ``GitLabItem`` for the meaning of each."""

    source_updated_at: datetime | None
    fetched_at: datetime | None
    told_at: datetime | None


class Told(Enum):
    """What to do with the content of a webhook body."""

    APPLY = "apply"
    FETCH = "fetch"
    DROP = "drop"


def weigh_told(known: Known, updated_at: datetime | None, received_at: datetime) -> Told:
    """Judge a body by the time its object bears and when it came in.

    Strictly newer content is applied; anything else (a tie, no time, a time from the
    future, a time before the cached one) is settled by a fetch. Where a fetch began after
    the body came in, it has settled that, and the body is dropped; unless the body is
    newer even so, as when the fetch met a replica that lags behind: then by another fetch.
    """
    believed = updated_at is not None and updated_at <= received_at + CLOCK_TOLERANCE
    newer = believed and _is_newer(updated_at, known.source_updated_at)
    fetched_since = known.fetched_at is not None and known.fetched_at >= received_at
    if newer == fetched_since:
        return Told.FETCH
    return Told.APPLY if newer else Told.DROP


def _is_newer(updated_at: datetime | None, known: datetime | None) -> bool:
    return known is None or (updated_at is not None and updated_at > known)


class Fetched(Enum):
    """What to do with the answer of a fetch."""

    APPLY = "apply"
    REPEAT = "repeat"
    DROP = "drop"


def weigh_fetched(known: Known, updated_at: datetime | None, started_at: datetime) -> Fetched:
    """Judge an answer by when its fetch began.

    A fetch wins over whatever was there, except over a fetch that began later, and except
    for a short while over a webhook with newer content. GitLab's time has the grain of a
    second: of two that bear the same, a webhook that came in after the fetch began may be
    the newer one, which another fetch settles.
    """
    if known.fetched_at is not None and known.fetched_at > started_at:
        return Fetched.DROP
    if known.told_at is None or known.source_updated_at is None or updated_at is None:
        return Fetched.APPLY
    older = updated_at < known.source_updated_at and started_at < known.told_at + REPLICA_LAG
    tie = updated_at == known.source_updated_at and started_at < known.told_at
    return Fetched.REPEAT if older or tie else Fetched.APPLY


def believable(updated_at: datetime | None, now: datetime) -> datetime | None:
    """GitLab's time, no further ahead of ours than the tolerance.

    Without the bound one wrong clock would make every later event look old.
    """
    return None if updated_at is None else min(updated_at, now + CLOCK_TOLERANCE)
