"""The sync state of a link."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from gitlab_links.links.freshness import Connection, retry_after, sync_state

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
BASE = "https://gitlab.example.com"
TTL = 300
WELL = Connection(BASE, None, None)


@dataclass
class Item:
    """The fields of an item that decide how current it is."""

    base_url: str = BASE
    state: str | None = "opened"
    error_code: str | None = None
    last_synced_at: datetime | None = NOON
    next_sync_at: datetime = NOON + timedelta(seconds=240)
    trusted_until: datetime | None = None


def at(seconds):
    return NOON + timedelta(seconds=seconds)


def broken(code, paused_until=None):
    return Connection(BASE, code, paused_until)


NEVER = {"last_synced_at": None}
GONE = {"error_code": "not_found"}
ELSEWHERE = {"base_url": "https://old.example.com"}
REFUSED, LIMITED = broken("auth_error"), broken("rate_limited")


@pytest.mark.parametrize(
    ("item", "connection", "seconds", "wanted"),
    [
        ({}, WELL, 0, ("ok", None)),
        ({}, WELL, TTL - 1, ("ok", None)),
        ({}, WELL, TTL, ("stale", None)),
        # Webhooks that are proven to arrive keep an item fresh for an hour longer.
        ({"trusted_until": NOON + timedelta(hours=2)}, WELL, TTL + 3599, ("ok", None)),
        ({"trusted_until": NOON + timedelta(hours=2)}, WELL, TTL + 3600, ("stale", None)),
        ({"trusted_until": NOON + timedelta(seconds=TTL)}, WELL, TTL, ("stale", None)),
        (NEVER, WELL, 0, ("never", None)),
        (GONE, WELL, 0, ("error", "not_found")),
        (GONE, WELL, TTL, ("error", "not_found")),
        # An error of the connection is not shown on a link that is still fresh.
        ({}, REFUSED, 0, ("ok", None)),
        ({}, REFUSED, TTL, ("error", "auth_error")),
        (NEVER, REFUSED, 0, ("error", "auth_error")),
        ({}, Connection.of(None), TTL, ("error", "missing_integration")),
        # A rate limit is not an error.
        ({}, LIMITED, TTL, ("stale", "rate_limited")),
        (NEVER, LIMITED, 0, ("never", "rate_limited")),
        # An item on another GitLab cannot be fresh.
        (ELSEWHERE, WELL, 0, ("error", "instance_mismatch")),
    ],
)
def test_a_link_says_how_current_it_is_and_why_not(item, connection, seconds, wanted):
    state = sync_state(Item(**item), connection, TTL, at(seconds))
    assert (state.status.value, state.error_code) == wanted


def test_while_a_pause_lasts_the_next_attempt_is_not_before_its_end():
    paused = broken("rate_limited", at(600))
    state = sync_state(Item(), paused, TTL, at(10))
    assert (state.next_sync_at, state.paused_until) == (at(600), at(600))
    state = sync_state(Item(), paused, TTL, at(600))
    assert (state.next_sync_at, state.paused_until) == (at(240), None)


def test_attempts_are_spread_and_less_and_less_frequent_up_to_an_hour():
    for failures, delay in [(1, 5), (2, 10), (5, 80), (10, 2560), (11, 3600), (10_000, 3600)]:
        waits = {retry_after(failures, NOON) - NOON for _ in range(50)}
        assert len(waits) > 1
        assert all(0.8 * delay <= wait.total_seconds() <= delay for wait in waits)
