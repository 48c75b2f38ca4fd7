"""The promises at a size for every run: one stage for all, in the order of this list."""

from collections.abc import Callable, Sequence

from tests.soak import (
    backfills,
    clocks,
    crowds,
    demotions,
    kills,
    outages,
    outgoing,
    recreations,
    refusals,
    shuffles,
    slow,
)
from tests.soak.figures import Figure, as_table
from tests.soak.stage import Stage

SHORT: dict[str, Callable[[Stage], Sequence[Figure]]] = {
    "workers killed, triggers lost": lambda stage: kills.kills(stage, count=5, flushes=1),
    "events go out": lambda stage: outgoing.outgoing(
        stage, events=80, kills=10, flushes=1, away=2, slow_seconds=3.0, p95=30.0
    ),
    "a look back, its workers killed": lambda stage: backfills.killed_backfill(
        stage, projects=6, mentions=2, kills=1, seconds=60
    ),
    "Redis flushed": lambda stage: kills.flush(stage, times=1),
    "Redis away": lambda stage: outages.redis_away(stage, seconds=2),
    "stopped under load": lambda stage: outages.graceful_stops(stage, times=1),
    "20 copies at once": lambda stage: crowds.copies(stage, deliveries=2, of_each=20),
    "a flood beside another org": lambda stage: crowds.flood(stage, events=150, watched=6),
    "several workers": lambda stage: crowds.several_workers(stage, workers=2, ttl=4, rounds=1),
    "a re-created project": lambda stage: recreations.recreated_project(
        stage, items=400, seconds=30
    ),
    "shuffled events": lambda stage: shuffles.shuffles(stage, count=15),
}
# Hosts have the time and GitLabs are slow alike on either; what held a transaction meanwhile would
# keep everybody from writing on SQLite.
SQLITE = {
    "an hour back": lambda stage: clocks.hour_back(stage, seconds=3),
    "four slow GitLabs": lambda stage: slow.slow_gitlabs(stage, links=2),
}
POSTGRESQL = {
    "the database restarted": lambda stage: outages.database_away(stage, times=1, seconds=1),
    "webhooks turned away": lambda stage: refusals.turned_away(
        stage, seconds=1, ways=["the database away"]
    ),
    "a demoted primary": lambda stage: demotions.demoted_primary(stage, seconds=2),
}


# Short runs share the machine with other tests, so a time may be this many times its limit: longer
# means that something hangs. ``make soak`` measures times, alone.
BUSY = 6


def keeps(stage: Stage, scenario: Callable[[Stage], Sequence[Figure]]) -> None:
    """Fail with the figures if a promise was broken."""
    figures = scenario(stage)
    broken = [one for one in figures if not one.kept and (one.times_limit or BUSY) >= BUSY]
    assert not broken, "\n" + as_table([("", stage.dialect, one) for one in figures])
