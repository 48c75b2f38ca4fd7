"""A clock that tests move."""

from datetime import UTC, datetime, timedelta
from typing import Any


class FrozenClock:
    """Stands in for ``datetime`` in ``gitlab_links.clock``: time passes when told to."""

    def __init__(self, start: datetime) -> None:
        self.current = start

    def now(self, zone: Any = UTC) -> datetime:
        return self.current.astimezone(zone)

    def advance(self, seconds: float) -> datetime:
        """Let time pass; gives the new now."""
        self.current += timedelta(seconds=seconds)
        return self.current
