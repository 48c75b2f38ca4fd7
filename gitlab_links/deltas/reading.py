"""Read a list of changes page by page. No database here: nothing is locked during a call.

Each page is the first one of the changes since the last one of the page before. A change that
is made meanwhile moves its item to the end, and nothing is skipped, as it would be by counting
pages; nor does a list of more than 10,000 changes have an end that GitLab does not show.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from gitlab_links.clock import utcnow
from gitlab_links.deltas.marks import Delta
from gitlab_links.gitlab.answers import GitLabFailure, RateLimit
from gitlab_links.gitlab.snapshot import Snapshot
from gitlab_links.sync.fetching import Call, InTime

if TYPE_CHECKING:
    from gitlab_links.gitlab.delta_client import ChangedPage, DeltaClient, Place

# Of one list in a row. What is left goes on in the next round; of one moment it cannot.
MOST_PAGES = 10
MOST_PAGES_OF_MOMENT = 50
# Times in GitLab's answers have this precision.
GRAIN = timedelta(milliseconds=1)
MOST_RESTARTS = 3
# The error code of a project of which the list of its group has nothing.
NOT_IN_GROUP = "not_in_group"


@dataclass(frozen=True, slots=True)
class Listed:
    """An item in a list; ``started_at`` is the time before the call for its page."""

    snapshot: Snapshot
    started_at: datetime


@dataclass(frozen=True, slots=True)
class DeltaAnswer:
    """What was read of a list of changes: the items by iid, and where it goes on.

    ``reached`` is None if the list was read to its end; otherwise all changes before it were
    read. ``started_at`` is the time before the last call, ``gitlab_time`` that of its answer by
    GitLab's clock. ``has_gap``: of thousands of changes at one moment not all were read.
    ``failure`` is why reading ended early, if it did not succeed.
    """

    delta: Delta
    started_at: datetime
    listed: Mapping[int, Listed] = field(default_factory=dict)
    reached: datetime | None = None
    gitlab_time: datetime | None = None
    has_gap: bool = False
    calls: int = 0
    failure: GitLabFailure | None = None
    rate_limit: RateLimit | None = None


def call_for(delta: Delta) -> Call[DeltaAnswer]:
    """The calls that read a list."""
    started_at = utcnow()

    def failed(failure: GitLabFailure) -> DeltaAnswer:
        return DeltaAnswer(delta, started_at, reached=delta.since, failure=failure)

    return Call(lambda client, in_time: read(client, delta, in_time), failed)


@dataclass(frozen=True, slots=True)
class GroupAnswer:
    """One answer for each of the projects that were read by the list of their group."""

    answers: Sequence[DeltaAnswer]

    @property
    def failure(self) -> GitLabFailure | None:
        """Why reading ended early, for all of them."""
        return next((one.failure for one in self.answers), None)


def call_for_group(group: str, deltas: Sequence[Delta]) -> Call[GroupAnswer]:
    """The calls that read several projects of a group by one list."""
    started_at = utcnow()

    def failed(failure: GitLabFailure) -> GroupAnswer:
        return GroupAnswer(
            [DeltaAnswer(one, started_at, reached=one.since, failure=failure) for one in deltas]
        )

    return Call(lambda client, in_time: read_group(client, group, deltas, in_time), failed)


def read(client: "DeltaClient", delta: Delta, in_time: InTime) -> DeltaAnswer:
    """Read on until the end of the list, a failure, or until it is too late for another page."""
    reading, failure = _read(
        lambda place: client.changed_items(delta.project, delta.type, place), delta.since, in_time
    )
    return reading.answer(delta, failure, client.rate_limit)


def read_group(
    client: "DeltaClient", group: str, deltas: Sequence[Delta], in_time: InTime
) -> GroupAnswer:
    """The same for several projects of a group, from the earliest of their times on.

    A project that the list has nothing of may have left the group, or be hidden there. Since
    GitLab has said that it has something new, that counts as a failure: its own list is read.
    """
    first = deltas[0]
    reading, failure = _read(
        lambda place: client.changed_items_of_group(group, first.type, place),
        min(delta.since for delta in deltas),
        in_time,
    )
    absent = GitLabFailure(NOT_IN_GROUP, "The list of the group has nothing of the project.")
    seen = {project for project, _ in reading.listed}
    return GroupAnswer(
        [
            reading.answer(
                delta,
                failure if failure or delta.project in seen or reading.place else absent,
                client.rate_limit,
                calls=int(delta is first) * reading.calls,
            )
            for delta in deltas
        ]
    )


def _read(
    ask: "Callable[[Place], ChangedPage]", since: datetime, in_time: InTime
) -> tuple["_Reading", GitLabFailure | None]:
    from gitlab_links.gitlab.delta_client import Place

    reading = _Reading(Place(since), utcnow())
    try:
        while reading.place is not None and reading.goes_on(in_time):
            reading.take(ask(reading.place), reading.place)
    except GitLabFailure as failure:
        reading.calls += 1
        return reading, failure
    return reading, None


@dataclass(slots=True)
class _Reading:
    """How far a list was read: the items by project and iid. ``place`` is None at its end."""

    place: "Place | None"
    started_at: datetime
    listed: dict[tuple[int | None, int], Listed] = field(default_factory=dict)
    gitlab_time: datetime | None = None
    calls: int = 0
    total: int | None = None
    restarts: int = 0

    def goes_on(self, in_time: InTime) -> bool:
        in_moment = self.place is not None and self.place.until is not None
        most = MOST_PAGES_OF_MOMENT if in_moment else MOST_PAGES
        return self.calls == 0 or (self.calls < most and in_time())

    def take(self, page: "ChangedPage", place: "Place") -> None:
        self.calls += 1
        self.started_at = page.started_at
        self.gitlab_time = page.gitlab_time or self.gitlab_time
        for snapshot in page.items:
            key = (snapshot.project_id, snapshot.iid)
            self.listed[key] = Listed(snapshot, page.started_at)
        number = (place.page - 1) * place.size // page.size + 1
        here = replace(place, page=number, size=page.size)
        self.place = self._next_of_moment(page, here) if place.until else self._next(page, here)

    def _next(self, page: "ChangedPage", place: "Place") -> "Place | None":
        if not page.more:
            return None
        times = [one.updated_at for one in page.items if isinstance(one.updated_at, datetime)]
        newest = max(times, default=place.since)
        if newest >= place.since + GRAIN:
            return replace(place, since=newest, page=1)
        # More changes have this time than fit on a page: they are counted off.
        self.total = None
        return replace(place, until=place.since + GRAIN, page=1)

    def _next_of_moment(self, page: "ChangedPage", place: "Place") -> "Place":
        """Between two moments an item can only vanish, by changing again. The items after it
        move up then, across the border of a page, so reading begins again.
        """
        if self.total is not None and page.total != self.total and self.restarts < MOST_RESTARTS:
            self.restarts += 1
            self.total = None
            return replace(place, page=1)
        self.total = page.total
        if page.more:
            return replace(place, page=place.page + 1)
        return replace(place, since=place.until or place.since, until=None, page=1)

    def answer(
        self,
        delta: Delta,
        failure: GitLabFailure | None,
        limit: RateLimit | None,
        *,
        calls: int | None = None,
    ) -> DeltaAnswer:
        place = self.place
        has_gap = failure is None and place is not None and place.until is not None
        reached = None if place is None else (place.until if has_gap else place.since)
        return DeltaAnswer(
            delta=delta,
            started_at=self.started_at,
            listed={
                iid: listed
                for (project, iid), listed in self.listed.items()
                if project in (delta.project, None)
            },
            reached=reached,
            has_gap=has_gap,
            gitlab_time=self.gitlab_time,
            calls=self.calls if calls is None else calls,
            failure=failure,
            rate_limit=limit,
        )
