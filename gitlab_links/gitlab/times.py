"""GitLab's ways of writing a moment, read into aware UTC datetimes."""

import re
from datetime import UTC, date, datetime

# Not left to fromisoformat: Python 3.11 reads "21:50:00x-0530" as well.
_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?) ?(Z|UTC|[+-]\d{2}:?\d{2})"
)
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
# What every column and every reader holds: four digits of a year in any time zone. Outside of it
# some of them fail, and a time of GitLab's is wrong in any case.
EARLIEST = datetime(1000, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, 12, tzinfo=UTC)


def parse_time(text: object) -> datetime | None:
    """The moment in UTC, or None for anything that is not one of the five forms in use.

    ``2013-12-03T17:15:43Z``, ``2026-05-28T05:58:40.456Z``, ``2019-01-01T10:00:00+02:00``,
    ``2018-09-15 19:08:43 UTC`` and ``2021-04-28 21:50:00 +0200``. A time that names no
    zone is None as well: guessing one would order events wrongly. What lies outside of
    ``EARLIEST`` and ``LATEST`` is read as the nearer of the two.
    """
    told = _TIME.fullmatch(text) if isinstance(text, str) else None
    if told is None:
        return None
    day, clock, zone = told.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{'Z' if zone == 'UTC' else zone}")
        return clamp_time(moment.astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def clamp_time(moment: datetime) -> datetime:
    """The moment, within ``EARLIEST`` and ``LATEST``."""
    return min(max(moment, EARLIEST), LATEST)


def parse_date(text: object) -> date | None:
    """A calendar day written ``2016-07-22`` of the year 1000 or later (an earlier one is read as
    the first of them), or None for anything else.
    """
    if not isinstance(text, str) or _ISO_DATE.fullmatch(text) is None:
        return None
    try:
        return max(date.fromisoformat(text), EARLIEST.date())
    except ValueError:
        return None
