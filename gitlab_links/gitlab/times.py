"""Read GitLab's formats of a time into aware UTC datetimes."""

import re
from datetime import UTC, date, datetime

# fromisoformat of Python 3.11 also accepts "21:50:00x-0530".
_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?) ?(Z|UTC|[+-]\d{2}:?\d{2})"
)
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
# Between these, the year has four digits in every time zone. Some columns and readers fail for
# other years, and such a time from GitLab is wrong anyway.
EARLIEST = datetime(1000, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, 12, tzinfo=UTC)


def parse_time(text: object) -> datetime | None:
    """The time in UTC, or None if the text is not in one of the five formats in use.

    ``2013-12-03T17:15:43Z``, ``2026-05-28T05:58:40.456Z``, ``2019-01-01T10:00:00+02:00``,
    ``2018-09-15 19:08:43 UTC`` and ``2021-04-28 21:50:00 +0200``. A time without a zone is
    None too: a wrong guess would put events in the wrong order. The result is limited to
    ``EARLIEST`` and ``LATEST``.
    """
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    day, clock, zone = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{'Z' if zone == 'UTC' else zone}")
        return clamp_time(moment.astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def clamp_time(moment: datetime) -> datetime:
    """The moment, limited to ``EARLIEST`` and ``LATEST``."""
    return min(max(moment, EARLIEST), LATEST)


def parse_date(text: object) -> date | None:
    """A date like ``2016-07-22``, or None for anything else. Dates before ``EARLIEST`` become
    ``EARLIEST``.
    """
    if not isinstance(text, str) or _ISO_DATE.fullmatch(text) is None:
        return None
    try:
        return max(date.fromisoformat(text), EARLIEST.date())
    except ValueError:
        return None


def query_time(moment: datetime) -> str:
    """A time in a query, to the millisecond that GitLab's answers have, rounded down."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"
