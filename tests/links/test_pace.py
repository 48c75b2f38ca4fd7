"""How often an item is polled: within the TTL while open, rarely once it has ended."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.links.freshness import Pace, next_sync_after

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
TTL = 300


def pause(state="opened", quiet=timedelta(days=3), proven=False, ttl=TTL, moving=False):
    due = next_sync_after(NOON, ttl, Pace(state, NOON - quiet, proven, moving))
    return (due - NOON).total_seconds()


@given(
    state=st.sampled_from(["opened", "locked", None]),
    quiet=st.timedeltas(timedelta(seconds=-60), timedelta(days=4000)),
    proven=st.booleans(),
    ttl=st.integers(1, 604_800),
)
def test_an_open_item_is_always_due_within_the_ttl(state, quiet, proven, ttl):
    assert 0 < pause(state, quiet, proven, ttl) < ttl


@given(
    state=st.sampled_from(["closed", "merged"]),
    quiet=st.timedeltas(timedelta(seconds=-60), timedelta(days=4000)),
    proven=st.booleans(),
    ttl=st.integers(1, 604_800),
)
def test_an_ended_item_is_due_within_a_day_or_the_ttl(state, quiet, proven, ttl):
    assert 0 < pause(state, quiet, proven, ttl) < max(ttl, 86_400)


def test_a_recently_changed_item_is_polled_more_often():
    assert pause(quiet=timedelta(minutes=5)) <= 0.4 * TTL < 0.7 * TTL < pause()


def test_an_item_whose_events_arrive_is_polled_less_often():
    assert pause(quiet=timedelta(minutes=5), proven=True) > 0.85 * TTL
    assert pause(proven=True) > pause(proven=False)


def test_a_merge_request_merged_during_its_pipeline_is_polled_within_the_ttl():
    just = timedelta(minutes=5)
    assert pause("merged", just, moving=True) < TTL
    assert pause("merged", just, proven=True, moving=True) < TTL
    assert pause("merged", timedelta(days=1), moving=True) > 10_000, "it may never end"


def test_an_item_that_ended_long_ago_is_polled_least():
    just, week = pause("closed", timedelta(minutes=5)), pause("merged", timedelta(days=7))
    assert 0.9 * 3600 < just <= 3600
    assert 60_000 < week < 86_400
    assert pause("closed", timedelta(minutes=5), proven=True) > just
