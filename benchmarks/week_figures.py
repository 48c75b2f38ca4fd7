"""What the simulated week counts: calls by cause, and how late changes are shown."""

import itertools
import uuid
from collections import Counter
from datetime import datetime, timedelta
from statistics import median
from time import thread_time

from sqlalchemy import exists, func, or_, select

from gitlab_links.clock import utcnow
from gitlab_links.deltas.models import GitLabDeltaMark
from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.demo.gitlab.records import Item, MergeRequest
from gitlab_links.extensions import db
from gitlab_links.links.link_filters import synced_since
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.observations.call_counts import CallKind, calls_since

HOUR = 3600


class Causes:
    """What the calls were made for. Those that only events asked for, at once or after some
    seconds, are told from all others.
    """

    def __init__(self) -> None:
        self._org_id = uuid.UUID(int=0)
        self._asked: set[uuid.UUID] = set()
        self._only_events = False
        self._counted: Counter[str] = Counter()
        self._kinds: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
        self._parts: list[int] = []
        self._quiet: list[float] = []
        self._began = 0.0

    def begin(self, org_id: uuid.UUID) -> None:
        """Count from now on."""
        self._org_id = org_id
        self._counted = self._count()
        self._kinds = {True: Counter(), False: Counter()}

    def before(self, *, after_events: bool) -> None:
        """Find out what the next slice of fetching is for, ``after_events`` or without any."""
        item, now = GitLabItem, utcnow()
        wanted = or_(item.refresh_requested_at.is_not(None), item.status_wanted_at.is_not(None))
        asked = or_(wanted, func.coalesce(item.merge_rechecks, 0) > 0)
        open_ = set(db.session.scalars(select(item.id).where(asked)))
        self._asked = (self._asked & open_) | (open_ if after_events else set())
        due = or_(item.next_sync_at <= now, item.status_wanted_at <= now)
        others = set(db.session.scalars(select(item.id).where(due))) - self._asked
        in_turn = db.session.scalar(select(exists().where(GitLabDeltaMark.due_at <= now)))
        db.session.rollback()
        self._only_events = not others and not in_turn
        self._began = thread_time()

    def after(self) -> None:
        """Count the calls of the slice, and its CPU if they found nothing new."""
        spent = thread_time() - self._began
        added = self._add(only_events=self._only_events)
        if added == {CallKind.CHANGES.value: 1}:
            self._quiet.append(spent)

    def add_checks(self) -> None:
        """Count the calls of checks."""
        self._add(only_events=False)

    def end_part(self) -> None:
        """A part of the day is over."""
        self._parts.append(self._kinds[False].total())

    def _add(self, *, only_events: bool) -> Counter[str]:
        counted = self._count()
        added, self._counted = counted - self._counted, counted
        self._kinds[only_events].update(added)
        return added

    def _count(self) -> Counter[str]:
        calls = calls_since(self._org_id, utcnow() - timedelta(days=30))
        db.session.rollback()
        return Counter({kind.value: count for kind, count in calls.items()})

    def report(self, days: float, items: int, part: timedelta) -> None:
        """Print calls a day by cause."""
        for only_events, kinds in self._kinds.items():
            cause = "only for events" if only_events else "beyond"
            said = ", ".join(f"{kind} {count / days:.0f}" for kind, count in kinds.most_common())
            print(f"    {kinds.total() / days:.0f} {cause}: {said}")
        beyond = self._kinds[False].total() / days / items
        print(f"    beyond: {beyond:.2f} an item and day, {7 * beyond:.2f} an item and week")
        if self._quiet:
            spent = median(self._quiet) * 1000
            print(f"    a reading that finds nothing new: {spent:.0f} ms of CPU, ", end="")
            print(f"{spent * 1000 / items:.0f} µs for each item")
        parts = [later - one for one, later in itertools.pairwise([0, *self._parts])]
        print(f"    beyond, in each {part.total_seconds() / 3600:.0f} hours: {parts}")


class Watch:
    """Compares what is shown with what GitLab has: how late a change is shown, how old an open
    item gets, and how many of either are later or older than promised.
    """

    def __init__(self, gitlab: SimulatedGitLab, ttl: int) -> None:
        self._gitlab, self._ttl = gitlab, ttl
        self._expected: dict[tuple[int, str], tuple[Item, datetime]] = {}
        self.changes = self.pipelines = self.stale = 0
        self.oldest = 0.0
        self.delays: dict[str, list[float]] = {
            "title": [],
            "pipeline_status": [],
            "merge_status": [],
        }

    def expect(self, item: Item, field: str) -> None:
        """The field has changed now, in GitLab."""
        self._expected.setdefault((item.id, field), (item, utcnow()))

    def note(self) -> None:
        """How old the open items are, and how many older than promised, before the next fetch."""
        of_open = (GitLabItem.state == "opened", GitLabItem.error_code.is_(None))
        oldest = db.session.scalar(select(func.min(GitLabItem.last_synced_at)).where(*of_open))
        stale = db.session.scalar(
            select(func.count())
            .select_from(GitLabItem)
            .join(GitLabProject, GitLabProject.id == GitLabItem.project_id)
            .where(*of_open, GitLabItem.last_synced_at < synced_since(self._ttl, utcnow()))
        )
        db.session.rollback()
        self.stale = max(self.stale, stale or 0)
        if oldest is not None:
            self.oldest = max(self.oldest, (utcnow() - oldest).total_seconds())

    def check(self) -> None:
        """Which of the changes are shown by now."""
        if not self._expected:
            return
        ids = {item.id for item, _ in self._expected.values()}
        columns = [getattr(GitLabItem, field) for field in self.delays]
        rows = {
            row.gitlab_id: row
            for row in db.session.execute(
                select(GitLabItem.gitlab_id, *columns).where(GitLabItem.gitlab_id.in_(ids))
            )
        }
        db.session.rollback()
        for key, (item, since) in list(self._expected.items()):
            if getattr(rows[item.id], key[1]) == _value(item, key[1]):
                self.delays[key[1]].append((utcnow() - since).total_seconds())
                del self._expected[key]

    def report(self) -> None:
        """Print the figures."""
        waiting: Counter[str] = Counter()
        for (_item, field), (_, since) in self._expected.items():
            waiting[field] = max(waiting[field], int((utcnow() - since).total_seconds()))
        print(f"  {self.changes} changes, {self.pipelines} pipelines")
        print(f"  not shown yet, for so many seconds at most: {dict(waiting)}")
        print(f"  the oldest open item: {self.oldest:.0f} s; older than promised: {self.stale}")
        for name, delays in self.delays.items():
            if delays:
                most = HOUR if name == "merge_status" else self._ttl
                late = sum(delay > most for delay in delays)
                middle = sorted(delays)[len(delays) // 2]
                print(f"  {name} shown after {max(delays):.0f} s at most, ", end="")
                print(f"{middle:.0f} s in the middle; ", end="")
                print(f"{late} of {len(delays)} later than {most:.0f} s")


def _value(item: Item, field: str) -> str | None:
    if field == "title":
        return item.title
    if not isinstance(item, MergeRequest):
        return None
    if field == "merge_status":
        return item.detailed_merge_status
    return None if item.pipeline is None else item.pipeline.status
