"""What the headers of GitLab's answers say about coming back."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from gitlab_links.gitlab.answers import RateLimit

MAX_RETRY_AFTER_SECONDS = 86_400.0
_NUMBER = re.compile(r"[0-9]{1,12}")


def read_retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait by ``Retry-After``, which is a number or an HTTP date.

    From 0 to a day; None where the header is missing or says nothing sensible.
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


def read_rate_limit(headers: Mapping[str, str]) -> RateLimit | None:
    """The ``RateLimit-*`` headers; None where there are none, as with limits switched off."""
    limit = _number(headers.get("RateLimit-Limit"))
    remaining = _number(headers.get("RateLimit-Remaining"))
    reset = _number(headers.get("RateLimit-Reset"))
    if limit is None and remaining is None:
        return None
    try:
        reset_at = None if reset is None else datetime.fromtimestamp(reset, UTC)
    except (ValueError, OverflowError):
        reset_at = None
    return RateLimit(limit, remaining, reset_at)


def _number(value: str | None) -> int | None:
    return int(value) if value is not None and _NUMBER.fullmatch(value.strip()) else None
