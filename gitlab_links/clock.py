"""The only source of the current time, so that tests can freeze it in one place."""

from datetime import UTC, datetime


def utcnow() -> datetime:
    """The current time, aware and in UTC."""
    return datetime.now(UTC)
