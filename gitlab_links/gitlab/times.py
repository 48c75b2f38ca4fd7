"""GitLab's ways of writing a moment, read into aware UTC datetimes."""

import re
from datetime import UTC, date, datetime

# Not left to fromisoformat: Python 3.11 reads "21:50:00x-0530" as well.
_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?) ?(Z|UTC|[+-]\d{2}:?\d{2})"
)
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def parse_time(text: object) -> datetime | None:
    """The moment in UTC, or None for anything that is not one of the five forms in use.

    ``2013-12-03T17:15:43Z``, ``2026-05-28T05:58:40.456Z``, ``2019-01-01T10:00:00+02:00``,
    ``2018-09-15 19:08:43 UTC`` and ``2021-04-28 21:50:00 +0200``. A time that names no
    zone is None as well: guessing one would order events wrongly.
    """
    told = _TIME.fullmatch(text) if isinstance(text, str) else None
    if told is None:
        return None
    day, clock, zone = told.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{'Z' if zone == 'UTC' else zone}")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_date(text: object) -> date | None:
    """A calendar day written ``2016-07-22``, or None for anything else."""
    if not isinstance(text, str) or _ISO_DATE.fullmatch(text) is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
