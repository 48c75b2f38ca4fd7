"""The figures of an overview, and the weeks and ages that they are grouped by. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from statistics import median
from typing import Any

import orjson

from gitlab_links.rollup.needs import Need

WEEKS = 12
WEEK = timedelta(weeks=1)


class Age(StrEnum):
    """How long ago open work began, the youngest first."""

    WEEK = "under_1_week"
    MONTH = "1_to_4_weeks"
    QUARTER = "4_to_13_weeks"
    HALF_YEAR = "13_to_26_weeks"
    OLDER = "over_26_weeks"

    @property
    def ends(self) -> timedelta | None:
        """What is younger than this is of this age or a younger one; None: everything is."""
        weeks = {Age.WEEK: 1, Age.MONTH: 4, Age.QUARTER: 13, Age.HALF_YEAR: 26}
        return timedelta(weeks=weeks[self]) if self in weeks else None


@dataclass(frozen=True, slots=True)
class Duration:
    """The median of ``n`` durations in whole seconds; None of none."""

    median_seconds: int | None = None
    n: int = 0

    @classmethod
    def of(cls, seconds: Iterable[float]) -> "Duration":
        """The median of these."""
        known = list(seconds)
        return cls(round(median(known)), len(known)) if known else cls()


@dataclass(frozen=True, slots=True)
class Week:
    """What happened in the week that begins on Monday ``start``, in UTC.

    ``open_to_merged`` is of the merge requests merged in it, ``task_to_last_merge`` of the tasks
    whose last merge request was merged in it.
    """

    start: date
    opened: int
    merged: int
    open_to_merged: Duration
    task_to_last_merge: Duration


@dataclass(frozen=True, slots=True)
class Flow:
    """The last weeks, the present one included, and the medians over all of them."""

    weeks: tuple[Week, ...]
    open_to_merged: Duration
    task_to_last_merge: Duration


@dataclass(frozen=True, slots=True)
class OpenWork:
    """Tasks that are not done, and open merge requests, of one age.

    ``merge_requests`` is None for whoever may not see links.
    """

    age: Age
    tasks: int
    merge_requests: int | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What one group of viewers sees of an org. ``flow`` is None for whoever sees no links.

    ``needs`` has the number of tasks by need, zeros included, the most urgent need first.
    """

    computed_at: datetime
    needs: Mapping[Need, int]
    open_work: tuple[OpenWork, ...]
    flow: Flow | None

    def as_json(self) -> bytes:
        """To be kept; see :meth:`from_json`."""
        return orjson.dumps(asdict(self), option=orjson.OPT_NON_STR_KEYS)

    @classmethod
    def from_json(cls, text: bytes) -> "Figures":
        """What was kept."""
        kept = orjson.loads(text)
        return cls(
            computed_at=datetime.fromisoformat(kept["computed_at"]),
            needs={Need(name): count for name, count in kept["needs"].items()},
            open_work=tuple(
                OpenWork(Age(one["age"]), one["tasks"], one["merge_requests"])
                for one in kept["open_work"]
            ),
            flow=_flow(kept["flow"]) if kept["flow"] else None,
        )


def _flow(kept: dict[str, Any]) -> Flow:
    return Flow(
        weeks=tuple(
            Week(date.fromisoformat(one["start"]), one["opened"], one["merged"], *_both(one))
            for one in kept["weeks"]
        ),
        **dict(zip(("open_to_merged", "task_to_last_merge"), _both(kept), strict=True)),
    )


def _both(kept: dict[str, Any]) -> tuple[Duration, Duration]:
    return Duration(**kept["open_to_merged"]), Duration(**kept["task_to_last_merge"])


def first_week(now: datetime) -> datetime:
    """When the first of the weeks begins."""
    today = now.astimezone(UTC).date()
    monday = today - timedelta(days=today.weekday())
    return datetime.combine(monday, time(), UTC) - (WEEKS - 1) * WEEK


def flow_of(
    since: datetime,
    requests: Iterable[tuple[datetime | None, datetime | None]],
    tasks: Iterable[tuple[datetime, datetime]],
) -> Flow:
    """The flow from merge requests (opened and merged at) and tasks (created at, last merge at).

    What lies outside of the weeks does not count, nor a task that was created after its last
    merge.
    """
    opened, merged = [0] * WEEKS, [0] * WEEKS
    to_merge: list[list[float]] = [[] for _ in range(WEEKS)]
    to_last: list[list[float]] = [[] for _ in range(WEEKS)]
    for opened_at, merged_at in requests:
        if (place := _place(since, opened_at)) is not None:
            opened[place] += 1
        if merged_at is not None and (place := _place(since, merged_at)) is not None:
            merged[place] += 1
            if opened_at is not None:
                to_merge[place].append(max((merged_at - opened_at).total_seconds(), 0))
    for created_at, last_at in tasks:
        if created_at <= last_at and (place := _place(since, last_at)) is not None:
            to_last[place].append((last_at - created_at).total_seconds())
    starts = [(since + place * WEEK).date() for place in range(WEEKS)]
    durations = [[Duration.of(one) for one in weeks] for weeks in (to_merge, to_last)]
    return Flow(
        tuple(Week(*one) for one in zip(starts, opened, merged, *durations, strict=True)),
        Duration.of(one for week in to_merge for one in week),
        Duration.of(one for week in to_last for one in week),
    )


def _place(since: datetime, moment: datetime | None) -> int | None:
    """Which of the weeks the moment is in."""
    if moment is None:
        return None
    place = (moment - since) // WEEK
    return place if 0 <= place < WEEKS else None
