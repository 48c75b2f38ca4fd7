"""The daily mail of what waits on a member: who wants it, and when it is due.

Nothing here commits.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from sqlalchemy import select, update

from gitlab_links.accounts.models import Membership
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Permission
from gitlab_links.errors import Invalid
from gitlab_links.extensions import change_rows, db

# By the member's clock. A mail that could not be sent by noon waits for the next workday.
FIRST_HOUR, LAST_HOUR = 8, 12
SATURDAY = 5
MAX_ZONE = 60
ZONE = r"^[A-Za-z0-9_+/-]+$"


@dataclass(frozen=True, slots=True)
class DueDigest:
    """A mail to compose for a member on ``day``; ``former_day`` is that of the mail before."""

    membership_id: uuid.UUID
    org_id: uuid.UUID
    user_id: uuid.UUID
    day: date
    former_day: date | None


@cache
def time_zones() -> Sequence[str]:
    """The names of all time zones, ``UTC`` first."""
    return ["UTC", *sorted(name for name in available_timezones() if "/" in name)]


def digest_zone(org_id: uuid.UUID, user_id: uuid.UUID) -> str | None:
    """The time zone of the member's daily mail; None without one."""
    own = select(Membership.digest_zone).where(
        Membership.org_id == org_id, Membership.user_id == user_id
    )
    return db.session.scalar(own)


def set_digest_zone(principal: Principal, zone: str | None) -> None:
    """Send the caller a mail on workdays, by the clock of this time zone; None ends that.

    Raises :class:`Invalid` for an unknown zone.
    """
    if zone is not None and zone not in time_zones():
        raise Invalid(
            "The daily mail was not changed.",
            errors={"digest_time_zone": ["Choose a time zone of the list, such as Europe/Berlin."]},
        )
    change_rows(
        update(Membership)
        .where(Membership.org_id == principal.org_id, Membership.user_id == principal.user_id)
        .values(digest_zone=zone)
    )


def due_day(now: datetime, zone: str) -> date | None:
    """The day whose mail may be sent now, by the clock of the zone; None at other times."""
    local = now.astimezone(_zone(zone))
    is_workday = local.weekday() < SATURDAY
    return local.date() if is_workday and FIRST_HOUR <= local.hour < LAST_HOUR else None


def claim_digest(now: datetime, but: Collection[uuid.UUID] = ()) -> DueDigest | None:
    """Take the next mail that is due, so that nobody else sends it; None if none is."""
    wanted = select(Membership.digest_zone).where(Membership.digest_zone.is_not(None)).distinct()
    for zone in db.session.scalars(wanted).all():
        day = None if zone is None else due_day(now, zone)
        found = None if zone is None or day is None else _claim(zone, day, but)
        if found is not None:
            return found
    return None


def return_digest(digest: DueDigest) -> None:
    """Let the mail be sent later the same morning."""
    change_rows(
        update(Membership)
        .where(Membership.id == digest.membership_id, Membership.digest_on == digest.day)
        .values(digest_on=digest.former_day)
    )


def _claim(zone: str, day: date, but: Collection[uuid.UUID]) -> DueDigest | None:
    due = (
        Membership.digest_zone == zone,
        Membership.digest_on.is_distinct_from(day),
        Membership.role.in_(sorted(Permission.LINK_READ.roles)),
        Membership.id.not_in(but),
    )
    row = db.session.execute(
        select(Membership.id, Membership.org_id, Membership.user_id, Membership.digest_on)
        .where(*due)
        .order_by(Membership.id)
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    same = update(Membership).where(Membership.id == row.id, *due).values(digest_on=day)
    if not change_rows(same):
        return None  # somebody else sends it, and this job comes back in five minutes
    return DueDigest(row.id, row.org_id, row.user_id, day, row.digest_on)


def _zone(name: str) -> tzinfo:
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC  # the machine has other time zones than the one where it was chosen
