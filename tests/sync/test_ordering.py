"""The rule for which content of an item wins, as a table and as a simulation of time."""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gitlab_links.gitlab.items import ItemState, ItemType
from gitlab_links.gitlab.snapshot import Milestone, Person, Snapshot
from gitlab_links.links.models import GitLabItem
from gitlab_links.sync.applying import apply_body, apply_fetched, mark_failed
from gitlab_links.sync.ordering import (
    BodyVerdict,
    Claim,
    FetchVerdict,
    Known,
    Trust,
    clamp_to_now,
    decide_on_body,
    decide_on_fetched,
)
from tests.examples import examples

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
TTL = 300


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("known", "updated", "verdict"),
    [
        (Known(None, None, None), at(-1), BodyVerdict.APPLY),
        (Known(at(-2), at(-60), None), at(-1), BodyVerdict.APPLY),
        (Known(at(-1), at(-60), None), at(-1), BodyVerdict.FETCH),  # a tie
        (Known(at(-1), at(-60), None), at(-2), BodyVerdict.FETCH),  # older
        (Known(at(-1), at(-60), None), None, BodyVerdict.FETCH),
        (Known(at(-1), at(-60), None), at(59), BodyVerdict.APPLY),
        (Known(at(-1), at(-60), None), at(60), BodyVerdict.APPLY),  # ahead by the whole tolerance
        (Known(at(-1), at(-60), None), at(61), BodyVerdict.FETCH),  # from the future
        (Known(at(-1), at(0), None), at(-1), BodyVerdict.DROP),  # fetched since
        (Known(at(-1), at(5), None), at(-2), BodyVerdict.DROP),
        (Known(at(-1), at(5), None), None, BodyVerdict.DROP),
        (Known(at(-1), at(5), None), at(3600), BodyVerdict.DROP),
        (Known(at(-2), at(5), None), at(-1), BodyVerdict.FETCH),  # fetched from a lagging replica
    ],
)
def test_a_body_is_decided_by_its_time_and_when_it_was_received(known, updated, verdict):
    assert decide_on_body(known, updated, received_at=NOON) is verdict


@pytest.mark.parametrize(
    ("known", "updated", "verdict"),
    [
        (Known(None, None, None), at(-1), FetchVerdict.APPLY),
        (Known(at(-1), at(-60), at(-30)), at(-1), FetchVerdict.APPLY),
        (Known(at(-1), at(-60), at(-30)), at(-9), FetchVerdict.APPLY),  # a fetch wins
        (Known(at(-1), at(1), None), at(5), FetchVerdict.DROP),  # over all but a later fetch
        (Known(at(-1), at(0), None), at(5), FetchVerdict.APPLY),  # begun at the same moment
        (Known(at(-1), None, at(-9)), at(-2), FetchVerdict.REPEAT),  # replica lag
        (Known(at(-1), None, at(3)), at(-2), FetchVerdict.REPEAT),  # received during the fetch
        (Known(at(-1), None, at(-10)), at(-2), FetchVerdict.APPLY),  # no lag lasts that long
        (Known(at(-1), None, at(-9)), at(-1), FetchVerdict.APPLY),  # same time as the webhook
        (Known(at(-1), None, at(0)), at(-1), FetchVerdict.APPLY),
        (Known(at(-1), None, at(1)), at(-1), FetchVerdict.REPEAT),  # which of the two is newer?
        (Known(at(-1), None, at(1)), at(0), FetchVerdict.APPLY),
        (Known(at(-1), None, at(-9)), None, FetchVerdict.APPLY),
    ],
)
def test_an_answer_is_decided_by_when_its_fetch_began(known, updated, verdict):
    assert decide_on_fetched(known, updated, started_at=NOON) is verdict


@pytest.mark.parametrize(
    ("claim", "updated", "verdict"),
    [
        (Claim(at(-9), at(-2)), at(-3), FetchVerdict.REPEAT),
        (Claim(at(-10), at(-2)), at(-3), FetchVerdict.APPLY),  # also if the newest body came late
        (Claim(at(-30), at(-20)), at(-3), FetchVerdict.REPEAT),  # as new as the oldest body: a lag
        (Claim(at(-30), at(-20)), at(-1), FetchVerdict.APPLY),
    ],
)
def test_an_answer_is_delayed_while_it_is_older_than_the_oldest_body(claim, updated, verdict):
    known = Known(at(-1), None, at(-1), claim)
    assert decide_on_fetched(known, updated, started_at=NOON) is verdict


def test_an_answer_that_hides_the_item_is_never_delayed():
    known = Known(at(-1), None, at(-1), Claim(at(-1), at(-1)))
    assert decide_on_fetched(known, at(-60), started_at=NOON, hides=True) is FetchVerdict.APPLY


def test_a_time_from_the_future_is_limited_to_the_tolerance():
    assert clamp_to_now(at(3600), NOON) == at(60)
    assert clamp_to_now(at(-3600), NOON) == at(-3600)
    assert clamp_to_now(None, NOON) is None


def new_item() -> GitLabItem:
    return GitLabItem(type="issue", iid=1, failures=0, refresh_requested_at=None)


@dataclass
class World:
    """GitLab with one item, its webhooks on their way, and the cached row.

    A body is received some time after the edit, and a fetch sees all edits up to its start.

    ``skew`` is how far GitLab's clock is from ours. Ties come from GitLab's clock having
    the grain of a second while edits come many in a second.
    """

    skew: timedelta
    trust: Trust = Trust.PROVEN
    now: datetime = NOON
    contradicted: list[datetime] = field(default_factory=list)
    confidential: bool | None = None
    edits: list[tuple[datetime, Snapshot]] = field(default_factory=list)
    item: GitLabItem = field(default_factory=new_item)
    agenda: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list)
    fetches: int = 0
    _order = count()

    def later(self, moment: datetime, action: Callable[[], None]) -> None:
        heapq.heappush(self.agenda, (moment, next(World._order), action))

    def edit(self, number: int, delay: float, queued: float) -> None:
        webhook_applied_at = (self.now + self.skew).replace(microsecond=0)
        self.edits.append((self.now, snapshot(number, webhook_applied_at)))
        body = self.body(number, webhook_applied_at)
        received_at = self.now + timedelta(seconds=delay, microseconds=1)
        self.later(received_at + timedelta(seconds=queued), lambda: self.process(body, received_at))

    @staticmethod
    def body(number: int, webhook_applied_at: datetime) -> Snapshot:
        return snapshot(number, webhook_applied_at, of_a_body=True)

    def process(self, body: Snapshot, received_at: datetime) -> None:
        apply_body(
            self.item, body, received_at=received_at, now=self.now, ttl=TTL, trust=self.trust
        )
        # A body never shows an item that an answer has hidden.
        assert self.item.confidential or not self.confidential

    def forge(self, number: int, ahead: float) -> None:
        """A body with content that GitLab never had."""
        body = snapshot(number, self.now + self.skew + timedelta(seconds=ahead), of_a_body=True)
        self.process(replace(body, title="Forged", confidential=False), self.now)

    def fetch(self, latency: float) -> None:
        """Answers with the content at its beginning."""
        self.fetches += 1
        started_at, (_, truth) = self.now, self.edits[-1]
        self.later(started_at + timedelta(seconds=latency), lambda: self.answer(truth, started_at))

    def answer(self, truth: Snapshot, started_at: datetime) -> None:
        since = apply_fetched(self.item, truth, started_at=started_at, now=self.now, ttl=TTL)
        if since is not None:
            self.contradicted.append(since)
        if self.item.fetched_at == started_at:
            self.confidential = truth.confidential
        if truth.confidential:
            assert self.item.confidential or self.item.fetched_at != started_at

    def run(self) -> None:
        while self.agenda:
            moment, _, action = heapq.heappop(self.agenda)
            self.now = max(self.now, moment)
            action()
            asked = self.item.refresh_requested_at
            # The trigger may be lost; then the sweep finds the item only by this.
            assert asked is None or self.item.next_sync_at <= asked

    def fetch_requested(self) -> None:
        """Fetch everything that was requested, like the worker."""
        for _ in range(5):
            if self.item.refresh_requested_at is None:
                return
            self.now = max(self.now, self.item.refresh_requested_at) + timedelta(seconds=1)
            self.fetch(0.03)
            self.run()
        raise AssertionError("requests do not come to an end")


def snapshot(number: int, updated_at: datetime, *, of_a_body: bool = False) -> Snapshot:
    """The ``number``-th content of the item; a body lacks what bodies lack."""
    milestone = Milestone(number, f"Milestone {number}") if number % 4 == 3 else None
    known = {
        "title": f"Title {number}",
        "state": ItemState.OPENED,
        "draft": False,
        "confidential": number % 5 == 0,
        "labels": (),
        "assignees": (Person(f"user{number}", f"User {number}"),),
        "reviewers": (),
        "milestone_id": milestone.id if milestone else None,
        "due_date": None,
        "merge_status": None,
        "pipeline_status": None,
        "moved_to_id": None,
        "created_at": NOON,
        "updated_at": updated_at,
        "closed_at": None,
        "merged_at": None,
    }
    if not of_a_body:
        known |= {"author": Person("author", "Author"), "milestone": milestone}
    elif milestone is None:
        known |= {"milestone": None}
    return Snapshot(ItemType.ISSUE, 1, 7, "acme/press", **known)


def shown(item: GitLabItem) -> tuple:
    return (
        item.title, item.confidential, item.assignees, item.milestone, item.author,
        item.error_code,
    )  # fmt: skip


def shown_of(truth: Snapshot) -> tuple:
    item = new_item()
    apply_fetched(item, truth, started_at=NOON, now=NOON, ttl=TTL)
    return shown(item)


HOUR = 3600.0
steps = st.integers(0, 9)


@settings(max_examples=examples(1000))
@given(
    trust=st.sampled_from(Trust),
    skew=st.sampled_from([0, 0, 0, -HOUR, -1, 1, 59, 60, 61, HOUR]),
    pace=st.sampled_from([0.01, 0.1, 1, 10, 600]),
    edits=st.lists(st.tuples(steps, steps, steps), min_size=1, max_size=9),
    fetches=st.lists(st.tuples(steps, steps), max_size=5),
)
@example(trust=Trust.PROVEN, skew=0, pace=0.01, edits=[(0, 0, 3), (2, 0, 0)], fetches=[(1, 2)])
def test_whatever_the_order_the_item_is_as_gitlab_has_it_once_requests_are_answered(
    trust, skew, pace, edits, fetches
):
    world = World(timedelta(seconds=skew), trust)
    world.edits.append((at(-60), snapshot(0, at(-60 + skew))))
    world.now = at(-30)
    world.fetch(0)
    for number, (step, delay, queued) in enumerate(sorted(edits), start=1):
        world.later(
            at(step * pace),
            lambda n=number, d=delay * pace, q=queued * pace: world.edit(n, d, q),
        )
    for step, latency in fetches:
        world.later(at(step * pace), lambda seconds=latency * pace: world.fetch(seconds))
    world.run()
    world.fetch_requested()
    assert shown(world.item) == shown_of(world.edits[-1][1])


@settings(max_examples=examples(300))
@given(
    edits=st.lists(st.integers(0, 120), max_size=4),
    forged=st.lists(st.tuples(st.integers(0, 120), st.integers(0, 60)), min_size=1, max_size=30),
    fetches=st.lists(st.tuples(st.integers(0, 120), steps), max_size=8),
)
@example(edits=[], forged=[(second, 0) for second in range(0, 121, 4)], fetches=[])
# A true body comes while an answer that overrules a forged one is on its way.
@example(edits=[0, 0, 12], forged=[(1, 0)], fetches=[(0, 0), (11, 2)])
def test_gitlabs_api_wins_over_forged_bodies_and_what_it_hides_stays_hidden(edits, forged, fetches):
    world = World(timedelta(), Trust.UNTIL_CONFIRMED)
    world.edits.append((at(-60), snapshot(5, at(-60))))
    world.now = at(-30)
    world.fetch(0)
    for number, step in enumerate(sorted(edits), start=6):
        world.later(at(step), lambda n=number: world.edit(n, 0.1, 0.1))
    for number, (step, ahead) in enumerate(forged, start=20):
        world.later(at(step), lambda n=number, a=ahead: world.forge(n, a))
    for step, latency in fetches:
        world.later(at(step), lambda seconds=latency: world.fetch(seconds))
    world.run()
    world.fetch_requested()
    assert shown(world.item) == shown_of(world.edits[-1][1])


@settings(max_examples=examples(100))
@given(every=st.integers(1, 9), answers=st.integers(1, 9))
def test_forged_bodies_delay_gitlabs_api_by_ten_seconds_at_most(every, answers):
    world = World(timedelta(), Trust.UNTIL_CONFIRMED)
    world.edits.append((at(-60), snapshot(2, at(-60))))
    world.now = at(-30)
    world.fetch(0)
    for second in range(0, 60, every):
        world.later(at(second), lambda n=second: world.forge(n, 0))
    world.later(at(10) + timedelta(microseconds=1), lambda: world.fetch(0))
    shown_then: list[str | None] = []
    world.later(at(10) + timedelta(microseconds=2), lambda: shown_then.append(world.item.title))
    for second in range(0, 10, answers):
        world.later(at(second), lambda: world.fetch(0))
    world.run()
    assert shown_then == ["Title 2"]
    assert world.contradicted[0] == at(0)


def test_bodies_that_only_the_shared_secret_proves_are_confirmed_by_one_fetch_within_a_minute():
    world = World(timedelta(), Trust.UNTIL_CONFIRMED)
    world.edits.append((NOON, snapshot(2, at(-60))))
    world.fetch(0)
    world.run()
    for number in (4, 6, 8):
        world.later(at(number), lambda n=number: world.edit(n, 0.2, 0.1))
    world.run()
    assert world.item.title == "Title 8"
    asked = world.item.refresh_requested_at
    assert at(10) < asked == world.item.next_sync_at < at(60)
    world.fetch_requested()
    assert world.fetches == 2
    assert (world.item.unconfirmed_since, world.contradicted) == (None, [])


def test_a_scheduled_fetch_that_comes_first_confirms_as_well():
    world = World(timedelta(), Trust.UNTIL_CONFIRMED)
    world.edits.append((NOON, snapshot(2, at(-60))))
    world.fetch(0)
    world.later(at(4), lambda: world.edit(4, 0.2, 0.1))
    world.later(at(20), lambda: world.fetch(0.1))
    world.run()
    assert world.item.refresh_requested_at is None
    assert world.item.unconfirmed_since is None


def test_different_content_of_the_same_version_is_a_contradiction():
    world = World(timedelta(), Trust.UNTIL_CONFIRMED)
    truth = snapshot(2, at(-60))
    world.edits.append((at(-60), truth))
    world.now = at(-30)
    world.fetch(0)
    world.run()
    world.edits.append((at(0), replace(truth, updated_at=at(0.5))))  # a comment, say
    world.now = at(1)
    world.forge(4, -0.5)
    assert world.item.title == "Forged"
    world.fetch_requested()
    assert world.item.title == "Title 2"
    assert world.contradicted == [at(1)]


def test_an_item_that_is_gone_stays_so_until_gitlabs_api_shows_it_again():
    world = World(timedelta(), Trust.UNTIL_CONFIRMED)
    world.edits.append((at(-60), snapshot(2, at(-60))))
    world.now = at(-30)
    world.fetch(0)
    world.run()
    mark_failed(world.item, "not_found", started_at=at(-20), now=at(-20))
    world.now = at(0)
    world.forge(4, 0)
    assert world.item.error_code == "not_found"
    assert world.item.refresh_requested_at == at(0)


def test_complete_bodies_in_order_cost_no_fetch():
    world = World(timedelta())
    world.edits.append((NOON, snapshot(2, at(-60))))
    world.fetch(0)
    world.run()
    for number in (4, 6, 8):  # numbers without a milestone
        world.later(at(number), lambda n=number: world.edit(n, 0.2, 0.1))
    world.run()
    assert world.item.refresh_requested_at is None
    assert world.fetches == 1
    assert world.item.title == "Title 8"


def test_a_shuffled_burst_costs_one_fetch_not_one_per_body():
    world = World(timedelta())
    world.edits.append((NOON, snapshot(0, at(-60))))
    world.fetch(0)
    world.run()
    order = random.Random(7)
    for number in range(2, 300, 4):
        delay = order.uniform(0, 5)
        world.later(at(number / 100), lambda n=number, d=delay: world.edit(n, d, 0))
    world.run()
    world.fetch_requested()
    assert world.fetches == 2
    assert world.item.title == "Title 298"


def test_a_lagging_replica_is_read_again_and_does_not_restore_old_content():
    world = World(timedelta())
    old, new = snapshot(2, at(-60)), snapshot(6, at(-1))
    world.edits.append((NOON, new))
    apply_fetched(world.item, old, started_at=at(-30), now=at(-30), ttl=TTL)
    world.process(World.body(6, at(-1)), received_at=NOON)
    apply_fetched(world.item, old, started_at=at(2), now=at(2), ttl=TTL)
    assert world.item.title == "Title 6"
    assert world.item.refresh_requested_at == at(5)
    world.fetch_requested()
    assert world.item.title == "Title 6"
    assert world.item.refresh_requested_at is None


def test_a_body_processed_after_a_fetch_from_a_lagging_replica_leads_to_another():
    world = World(timedelta())
    world.edits.append((NOON, snapshot(6, at(-1))))
    apply_fetched(world.item, snapshot(2, at(-60)), started_at=at(1), now=at(1), ttl=TTL)
    world.now = at(2)
    world.process(World.body(6, at(-1)), received_at=NOON)
    world.fetch_requested()
    assert world.item.title == "Title 6"


def test_a_clock_that_stepped_back_leaves_an_item_stale_no_longer_than_until_the_next_refresh():
    world = World(timedelta())
    apply_fetched(world.item, snapshot(0, at(-60)), started_at=at(-30), now=at(-30), ttl=TTL)
    world.edits.append((NOON, snapshot(6, at(-20))))
    world.process(World.body(6, at(-20)), received_at=NOON)
    world.process(World.body(2, at(-10)), received_at=at(1))  # older, and says it is newer
    assert world.item.next_sync_at <= at(1 + TTL)
    world.now = world.item.next_sync_at
    world.fetch(0)
    world.run()
    world.fetch_requested()
    assert world.item.title == "Title 6"
