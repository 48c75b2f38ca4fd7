"""From when on a token is replaced, and how often it is looked at until then."""

from datetime import datetime, timedelta

AHEAD = timedelta(days=7)
# A new token must not be due itself: of a short life only the last third counts.
SHARE = 3
SOON = timedelta(hours=1)
# In a day it was tried several times to replace it.
GRACE = timedelta(days=1)


def replaced_from(began_at: datetime | None, expires_at: datetime) -> datetime:
    """From when on a token is replaced: a week before it expires, or with the last third of a
    life that is shorter than three weeks. A week, too, if nobody knows when it began.
    """
    if began_at is None:
        return expires_at - AHEAD
    return expires_at - min(AHEAD, (expires_at - began_at) / SHARE)


def overdue_from(began_at: datetime | None, expires_at: datetime) -> datetime:
    """From when on a token that is replaced automatically is late: a person has to know."""
    due_at = replaced_from(began_at, expires_at)
    return due_at + min(GRACE, (expires_at - due_at) / SHARE)


def checked_by(began_at: datetime | None, expires_at: datetime, now: datetime) -> datetime:
    """The latest moment of the next check: when the token is to be replaced, and from then on
    more and more often, so that one that failed to be replaced is tried again while it works.
    """
    due_at = replaced_from(began_at, expires_at)
    if now < due_at:
        return due_at
    return now + max(SOON, (expires_at - now) / SHARE)
