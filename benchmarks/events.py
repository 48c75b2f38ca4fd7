"""What recording events adds to working off webhooks: the same backlog with and without it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import delete, func, select

from benchmarks.report import Result, Row, at_most, median
from benchmarks.rules import EVENTS_PER_ITEM, PER_PROJECT, PROJECTS, store_backlog
from benchmarks.seeds import World, forget_deliveries, make_world
from benchmarks.stage import Stage
from gitlab_links.clock import utcnow
from gitlab_links.deliveries.claims import has_due
from gitlab_links.events.models import Event
from gitlab_links.extensions import db
from gitlab_links.jobs.drains import drain_slice
from gitlab_links.outgoing.outbox import publish_and_send
from gitlab_links.sync.item_events import ItemChanges

ROUNDS = 5
LIMIT = 1.10


def run(stage: Stage) -> Result:
    """In this process, in turns: its CPU says more than the clock of a busy machine."""
    world = make_world(stage, "events", projects=PROJECTS, issues=PER_PROJECT, links_per_task=1)
    found: dict[bool, list[float]] = {False: [], True: []}
    published: list[float] = []
    _drain(world, recorded=True)  # warms up
    for _ in range(ROUNDS):
        for recorded in (False, True):
            found[recorded].append(_drain(world, recorded=recorded))
        published.append(_publish(world))
    deliveries = PROJECTS * PER_PROJECT * EVENTS_PER_ITEM
    return Result(
        [
            at_most(
                f"CPU of draining {deliveries} webhooks, each a change, with events and without",
                median(found[True]),
                median(found[False]),
                LIMIT,
                "s",
            ),
            Row("CPU of publishing an event", f"{median(published) * 1000:.2f} ms"),
        ]
    )


def _drain(world: World, *, recorded: bool) -> float:
    """CPU seconds until the backlog is worked off."""
    store_backlog(world, lambda number: "closed" if number % 2 else "opened")
    with world.app.app_context(), _recording(on=recorded):
        began = time.process_time()
        while has_due(world.org_id, utcnow()):
            drain_slice(world.org_id)
        spent = time.process_time() - began
        db.session.rollback()
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
    """CPU seconds for each event; deletes them afterwards."""
    with world.app.app_context():
        waiting = select(func.count()).where(Event.org_id == world.org_id, Event.position.is_(None))
        count = db.session.scalar(waiting) or 1
        began = time.process_time()
        while publish_and_send(world.org_id):
            db.session.commit()
        spent = time.process_time() - began
        db.session.execute(delete(Event).where(Event.org_id == world.org_id))
        db.session.commit()
    return spent / count
