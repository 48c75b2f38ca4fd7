"""Times and days in words; ``static/js/times.js`` keeps them current in the same words."""

from datetime import UTC, date, datetime

from gitlab_links.clock import utcnow

MINUTE, HOUR, DAY = 60, 3600, 86_400


def iso(moment: datetime) -> str:
    """For ``<time datetime>``: ISO 8601 in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def in_full(moment: datetime) -> str:
    """Date and time in full, for tooltips."""
    return moment.astimezone(UTC).strftime("%b %-d, %Y, %H:%M:%S UTC")


def ago(moment: datetime, now: datetime | None = None) -> str:
    """How long ago, in the largest unit that fits; from a month on, the day."""
    seconds = int(((now or utcnow()) - moment).total_seconds())
    if seconds < 5:
        return "just now"
    for limit, size, unit in (
        (MINUTE, 1, "s"),
        (HOUR, MINUTE, "min"),
        (2 * DAY, HOUR, "h"),
        (30 * DAY, DAY, "days"),
    ):
        if seconds < limit:
            return f"{seconds // size} {unit} ago"
    return f"on {day(moment.astimezone(UTC).date())}"


def until(moment: datetime, now: datetime | None = None) -> str:
    """How long from now, rounded up: ``in 40 s``, ``in 3 min``, ``in 2 days``."""
    seconds = int((moment - (now or utcnow())).total_seconds())
    if seconds <= 0:
        return "now"
    for limit, size, unit in (
        (MINUTE, 1, "s"),
        (HOUR, MINUTE, "min"),
        (2 * DAY, HOUR, "h"),
    ):
        if seconds < limit:
            return f"in {-(-seconds // size)} {unit}"
    return f"in {seconds // DAY} days"


def day(value: date) -> str:
    """A day in GitLab's format: ``Nov 30, 2026``."""
    return value.strftime("%b %-d, %Y")


def is_past(value: date) -> bool:
    """Whether the day has ended in UTC."""
    return value < utcnow().date()
