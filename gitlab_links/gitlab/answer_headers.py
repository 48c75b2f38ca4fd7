"""The headers of GitLab's answers that limit the next call."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from gitlab_links.gitlab.answers import RateLimit
from gitlab_links.gitlab.times import clamp_time

MAX_RETRY_AFTER_SECONDS = 86_400.0
MAX_CALLS = 2**31 - 1  # the largest value of an integer column
_NUMBER = re.compile(r"[0-9]{1,40}")


def read_retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait according to ``Retry-After``, which is a number or an HTTP date.

    From 0 to a day; None if the header is missing or malformed.
    """
    value = headers.get("Retry-After", "").strip()
    if _NUMBER.fullmatch(value) is not None:
        return min(float(value), MAX_RETRY_AFTER_SECONDS)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), MAX_RETRY_AFTER_SECONDS)


def read_date(headers: Mapping[str, str]) -> datetime | None:
    """The time of an answer by the clock of GitLab, or of a proxy in front of it."""
    try:
        moment = parsedate_to_datetime(headers.get("Date", "").strip())
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return clamp_time(aware.astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def read_rate_limit(headers: Mapping[str, str]) -> RateLimit | None:
    """The ``RateLimit-*`` headers; None if GitLab sends none, as when its limits are off.

    Numbers of calls are at most ``MAX_CALLS``. A reset time that is out of range is None.
    """
    limit = _calls(headers.get("RateLimit-Limit"))
    remaining = _calls(headers.get("RateLimit-Remaining"))
    reset = _number(headers.get("RateLimit-Reset"))
    if limit is None and remaining is None:
        return None
    try:
        reset_at = None if reset is None else clamp_time(datetime.fromtimestamp(reset, UTC))
    except (ValueError, OverflowError, OSError):
        reset_at = None
    return RateLimit(limit, remaining, reset_at)


def _calls(value: str | None) -> int | None:
    number = _number(value)
    return None if number is None else min(number, MAX_CALLS)


def _number(value: str | None) -> int | None:
    return int(value) if value is not None and _NUMBER.fullmatch(value.strip()) else None
