"""The promises about faults, small enough for every run; ``make soak`` does the same in full."""

import pytest

from tests.soak import crowds, kills, outages, shuffles
from tests.soak.figures import as_table
from tests.soak.stage import Stage

pytestmark = pytest.mark.processes


@pytest.fixture
def stage(dialect):
    with Stage(dialect) as stage:
        yield stage


def keeps(figures, dialect):
    broken = [figure for figure in figures if not figure.kept]
    assert not broken, "\n" + as_table([("", dialect, figure) for figure in figures])


def test_no_delivery_is_lost_when_workers_are_killed_and_rings_forgotten(stage, dialect):
    keeps(kills.kills(stage, count=6, flushes=1, projects=2, issues=5), dialect)


def test_what_redis_forgot_is_done_within_10_seconds(stage, dialect):
    keeps(kills.flush(stage, times=1), dialect)


def test_webhooks_are_taken_in_while_redis_is_away_and_done_when_it_is_back(stage, dialect):
    keeps(outages.redis_away(stage, seconds=2), dialect)


@pytest.mark.only_on("postgresql")
def test_a_database_that_is_restarted_under_load_is_told_as_such(stage, dialect):
    keeps(outages.database_away(stage, times=1, seconds=1), dialect)


def test_sigterm_under_load_loses_nothing_and_ends_in_time(stage, dialect):
    keeps(outages.graceful_stops(stage, times=1), dialect)


def test_20_copies_at_once_are_one_row_and_one_effect(stage, dialect):
    keeps(crowds.copies(stage, deliveries=2, of_each=20), dialect)


def test_a_flood_in_one_org_does_not_delay_another(stage, dialect):
    keeps(crowds.flood(stage, events=200, watched=8), dialect)


def test_several_workers_refresh_each_item_once(stage, dialect):
    keeps(crowds.several_workers(stage, workers=2, ttl=5, rounds=1), dialect)


def test_no_order_of_events_leaves_a_stale_link(stage, dialect):
    keeps(shuffles.shuffles(stage, count=20), dialect)
