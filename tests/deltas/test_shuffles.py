"""Events, lists of changes and full fetches in any order end as GitLab has it.

GitLab changes an issue at some moments. Each change sends an event, which arrives late or never.
Meanwhile changes are read and the item is fetched; each answer is as old as its call and is
recorded later. In the end what is still asked for is fetched, and the changes are read once more.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gitlab_links.deltas.applying import apply_listed
from gitlab_links.deltas.marks import OVERLAP
from gitlab_links.deltas.reading import Listed
from gitlab_links.gitlab.items import ItemState
from gitlab_links.sync.applying import apply_body, apply_fetched
from tests.examples import examples
from tests.sync.test_applying import answer, body, item

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
TTL = 300
LAST = 3600


def at(seconds):
    return NOON + timedelta(seconds=seconds)


moments = st.integers(0, LAST)
delays = st.integers(0, 90)
calls = st.lists(st.tuples(moments, st.integers(0, 8)), max_size=8)
events = st.one_of(st.none(), delays)


@dataclass
class World:
    """What GitLab has at which moment, the item as it is stored, and its mark."""

    changes: list[int]
    cached: object = field(default_factory=item)
    mark: int = 0

    def content(self, moment, make=answer):
        """The item as GitLab has it at a moment, to which it has changed so many times."""
        number = sum(change <= moment for change in self.changes)
        changed = max((one for one in self.changes if one <= moment), default=-600)
        state = ItemState.CLOSED if number % 3 == 2 else ItemState.OPENED
        closed_at = at(changed) if state is ItemState.CLOSED and make is answer else None
        return make(at(changed), title=f"Title {number}", state=state, closed_at=closed_at)

    def event(self, moment, received):
        snapshot = self.content(moment, body)
        apply_body(self.cached, snapshot, received_at=at(received), now=at(received), ttl=TTL)

    def fetch(self, moment, recorded):
        started_at, now = at(moment), at(recorded)
        apply_fetched(self.cached, self.content(moment), started_at=started_at, now=now, ttl=TTL)

    def read_changes(self, moment, recorded, since):
        """The list has the item if it changed since; the mark moves when that is recorded."""
        found = self.content(moment)
        if found.updated_at >= at(since) - OVERLAP:
            listed = Listed(found, at(moment))
            apply_listed(self.cached, listed, None, now=at(recorded), ttl=TTL)
        elif self.cached.unconfirmed_since is None and not self.cached.refresh_requested_at:
            self.cached.last_synced_at = max(self.cached.last_synced_at, at(moment))
        else:
            return  # neither proven nor denied
        self.mark = max(self.mark, moment)

    def play(self, deliveries, readings, fetches):
        """Everything in the order in which it is recorded."""
        steps = [
            (moment + delay, 0, self.event, (moment, moment + delay))
            for moment, delay in deliveries
        ]
        steps += [
            (moment + took, 1, self.fetch, (moment, moment + took)) for moment, took in fetches
        ]
        # One fetcher at a time: a reading begins when the one before has been recorded.
        free_at = 0
        for moment, took in sorted(readings):
            if moment >= free_at:
                free_at = moment + took + 1
                steps.append((moment + took, 2, self._read, (moment, moment + took)))
        for _recorded, _kind, step, arguments in sorted(steps, key=lambda one: one[:2]):
            step(*arguments)

    def _read(self, moment, recorded):
        self.read_changes(moment, recorded, self.mark)

    def settle(self):
        """A TTL later: what is asked for is fetched, and the changes are read once more."""
        moment = LAST + 200
        self._read(moment, moment + 1)
        for _ in range(4):
            moment += 60
            if self.cached.refresh_requested_at is not None or self.cached.unconfirmed_since:
                self.fetch(moment, moment + 1)


@pytest.mark.slow
@settings(max_examples=examples(1000))
@given(
    changes=st.lists(st.tuples(moments, events), max_size=8),
    again=st.lists(st.tuples(st.integers(0, 7), delays), max_size=3),
    readings=calls,
    fetches=calls,
)
@example(changes=[(10, 0), (10, None)], again=[], readings=[(10, 0)], fetches=[])
@example(changes=[(10, 60), (20, 5)], again=[(0, 80)], readings=[(15, 8)], fetches=[(12, 8)])
def test_a_thousand_shuffles_end_as_gitlab_has_it(changes, again, readings, fetches):
    changes = sorted(changes, key=lambda one: one[0])
    world = World([moment for moment, _ in changes])
    world.fetch(0, 1)
    deliveries = [(moment, delay) for moment, delay in changes if delay is not None]
    repeated = [(deliveries[n][0], delay) for n, delay in again if n < len(deliveries)]
    world.play(deliveries + repeated, readings, fetches)
    world.settle()
    now = world.content(2 * LAST)
    stored = (world.cached.title, world.cached.state, world.cached.source_updated_at)
    assert stored == (now.title, now.state.value, now.updated_at)
