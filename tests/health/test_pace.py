"""How often an item is looked at: never beyond the TTL while open, rarely once it has ended."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.links.freshness import Pace, next_sync_after
from gitlab_links.links.models import GitLabItem
from gitlab_links.sync.share import used_up_until

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
TTL = 300


def pause(state="opened", quiet=timedelta(days=3), proven=False, ttl=TTL):
    due = next_sync_after(NOON, ttl, Pace(state, NOON - quiet, proven))
    return (due - NOON).total_seconds()


@given(
    state=st.sampled_from(["opened", "locked", None]),
    quiet=st.timedeltas(timedelta(seconds=-60), timedelta(days=4000)),
    proven=st.booleans(),
    ttl=st.integers(1, 604_800),
)
def test_what_is_open_is_always_due_within_the_ttl(state, quiet, proven, ttl):
    assert 0 < pause(state, quiet, proven, ttl) < ttl


@given(
    state=st.sampled_from(["closed", "merged"]),
    quiet=st.timedeltas(timedelta(seconds=-60), timedelta(days=4000)),
    proven=st.booleans(),
    ttl=st.integers(1, 604_800),
)
def test_what_has_ended_is_due_within_a_day_or_the_ttl(state, quiet, proven, ttl):
    assert 0 < pause(state, quiet, proven, ttl) < max(ttl, 86_400)


def test_what_changed_just_now_is_looked_at_more_often():
    assert pause(quiet=timedelta(minutes=5)) <= 0.4 * TTL < 0.7 * TTL < pause()


def test_where_events_arrive_it_is_looked_at_less():
    assert pause(quiet=timedelta(minutes=5), proven=True) > 0.85 * TTL
    assert pause(proven=True) > pause(proven=False)


def test_what_ended_long_ago_is_looked_at_least():
    just, week = pause("closed", timedelta(minutes=5)), pause("merged", timedelta(days=7))
    assert 0.9 * 3600 < just <= 3600
    assert 60_000 < week < 86_400
    assert pause("closed", timedelta(minutes=5), proven=True) > just


def test_a_closed_item_is_fresh_for_a_day_and_an_open_one_for_the_ttl(connected, clock):
    from gitlab_links.links.filters import LinkFilter
    from gitlab_links.links.freshness import SyncStatus
    from gitlab_links.links.queries import links_page

    connected.gitlab.state.items.close(connected.issues[0])
    connected.sweep()
    clock.advance(301)
    with connected.app.app_context():
        shown = {
            view.state: view.sync.status for view in links_page(connected.org.id, LinkFilter())
        }
        stale = links_page(connected.org.id, LinkFilter(sync_status=SyncStatus.STALE))
        fresh = links_page(connected.org.id, LinkFilter(sync_status=SyncStatus.OK))
    assert shown == {"closed": "ok", "opened": "stale"}
    assert ({view.state for view in stale}, {view.state for view in fresh}) == (
        {"opened"},
        {"closed"},
    )


@pytest.mark.parametrize(
    ("limit", "remaining", "seconds", "waits"),
    [
        (2000, 1500, 40, False),
        (2000, 1000, 40, True),
        (2000, 0, 40, True),
        (2000, 0, -1, False),
        (None, 0, 40, False),
        (2000, None, 40, False),
    ],
)
def test_scheduled_looks_leave_half_of_the_rate_limit(limit, remaining, seconds, waits):
    from gitlab_links.integrations.models import OrgGitLabIntegration

    reset_at = NOON + timedelta(seconds=seconds)
    integration = OrgGitLabIntegration(
        rate_limit=limit, rate_limit_remaining=remaining, rate_limit_reset_at=reset_at
    )
    assert used_up_until(integration, NOON) == (reset_at if waits else None)


def test_beyond_its_share_only_what_was_asked_for_is_fetched(connected):
    state = connected.gitlab.state
    state.calls.limit = 4
    connected.change(
        rate_limit=4, rate_limit_remaining=1, rate_limit_reset_at=utcnow() + timedelta(seconds=50)
    )
    state.calls.reset()
    connected.sweep()
    assert state.calls.total("/issues") == 0
    with connected.app.app_context():
        due = db.session.scalars(db.select(GitLabItem.next_sync_at)).all()
        assert min(due) > utcnow() + timedelta(seconds=40), "not in a circle"
        one = db.session.scalars(db.select(GitLabItem).limit(1)).one()
        from gitlab_links.links.freshness import request_refresh

        request_refresh(one, utcnow())
        db.session.commit()
    connected.work()
    assert state.calls.total("/issues") == 1
