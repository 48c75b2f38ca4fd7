"""What recording events adds to working off webhooks: the same backlog with and without it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import delete, insert

from benchmarks.report import Result, at_most, median
from benchmarks.rules import EVENTS_PER_ITEM, PER_PROJECT, PROJECTS, cpu_of_draining, store_backlog
from benchmarks.seeds import World, forget_deliveries, make_world
from benchmarks.stage import Stage
from gitlab_links.events.models import Event
from gitlab_links.extensions import db
from gitlab_links.outgoing.models import Format, OutgoingDelivery, OutgoingEndpoint
from gitlab_links.outgoing.outbox import publish_and_send
from gitlab_links.sync.item_events import ItemChanges

ROUNDS = 5
ENDPOINTS = 3
LIMIT = 1.10


def run(stage: Stage) -> Result:
    """In this process, in turns: its CPU says more than the clock of a busy machine."""
    world = make_world(stage, "events", projects=PROJECTS, issues=PER_PROJECT, links_per_task=1)
    _add_endpoints(world)
    found: dict[bool, list[float]] = {False: [], True: []}
    published: list[float] = []
    _drain(world, recorded=True)  # warms up
    _publish(world)
    for _ in range(ROUNDS):
        for recorded in (False, True):
            found[recorded].append(_drain(world, recorded=recorded))
        published.append(_publish(world))
    deliveries = PROJECTS * PER_PROJECT * EVENTS_PER_ITEM
    what = f"CPU of draining {deliveries} webhooks, each a change"
    recording, without = median(found[True]), median(found[False])
    outgoing = recording + median(published)
    return Result(
        [
            at_most(f"{what}, with events and without", recording, without, LIMIT, "s"),
            at_most(
                f"{what}, with the outbox of {ENDPOINTS} endpoints filled, and with events alone",
                outgoing,
                recording,
                LIMIT,
                "s",
            ),
        ]
    )


def _add_endpoints(world: World) -> None:
    """Endpoints that want everything; nothing is sent."""
    rows = [
        {"org_id": world.org_id, "format": Format.STANDARD, "url_ciphertext": "", "url_host": "x"}
        for _ in range(ENDPOINTS)
    ]
    with world.app.app_context():
        db.session.execute(insert(OutgoingEndpoint), rows)
        db.session.commit()


def _drain(world: World, *, recorded: bool) -> float:
    """CPU seconds until the backlog is worked off."""
    store_backlog(world, lambda number: "closed" if number % 2 else "opened")
    with world.app.app_context(), _recording(on=recorded):
        spent = cpu_of_draining(world)
    forget_deliveries(world)
    return spent


@contextmanager
def _recording(*, on: bool) -> Iterator[None]:
    present = ItemChanges.record
    if not on:
        ItemChanges.record = lambda *_: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        ItemChanges.record = present  # type: ignore[method-assign]


def _publish(world: World) -> float:
    """CPU seconds of publishing the events of a backlog; deletes them afterwards."""
    with world.app.app_context():
        began = time.process_time()
        while publish_and_send(world.org_id):
            db.session.commit()
        spent = time.process_time() - began
    forget_events(world)
    return spent


def forget_events(world: World) -> None:
    """Empty the org's feed and outbox."""
    with world.app.app_context():
        for model in (OutgoingDelivery, Event):
            db.session.execute(delete(model).where(model.org_id == world.org_id))
        db.session.commit()
