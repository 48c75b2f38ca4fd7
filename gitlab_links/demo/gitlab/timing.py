"""The simulated GitLab's own clock: the real one, which may be moved ahead."""

from datetime import UTC, datetime, timedelta

from gitlab_links import clock


class Clock:
    """The current time, to the millisecond, as in GitLab; ``advance`` moves it ahead."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        moment = clock.utcnow() + self.offset
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def advance(self, seconds: float) -> None:
        self.offset += timedelta(seconds=seconds)


def iso(moment: datetime | None) -> str | None:
    """``2026-05-28T05:58:40.456Z``, as the API and webhooks write a time."""
    if moment is None:
        return None
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"
