"""GitLab's ways of writing a moment, read into aware UTC datetimes."""

import re
from datetime import UTC, date, datetime

_SQL_STYLE = re.compile(r"(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?) (UTC|[+-]\d{4})")
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MAX_CHARACTERS = 40


def parse_time(text: object) -> datetime | None:
    """The moment in UTC, or None for anything that is not one of the five forms in use.

    ``2013-12-03T17:15:43Z``, ``2026-05-28T05:58:40.456Z``, ``2019-01-01T10:00:00+02:00``,
    ``2018-09-15 19:08:43 UTC`` and ``2021-04-28 21:50:00 +0200``. A time that names no
    zone is None as well: guessing one would order events wrongly.
    """
    if not isinstance(text, str) or len(text) > _MAX_CHARACTERS or not text.isascii():
        return None
    sql_style = _SQL_STYLE.fullmatch(text)
    if sql_style is not None:
        day, clock, zone = sql_style.groups()
        text = f"{day}T{clock}{'Z' if zone == 'UTC' else zone}"
    try:
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else moment.astimezone(UTC)
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
