"""What mentions add to working off webhooks: the same backlog with and without reading them."""

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.events import forget_events
from benchmarks.inprocess import cpu_of
from benchmarks.report import Result, Row, at_most, median
from benchmarks.rules import EVENTS_PER_ITEM, PER_PROJECT, PROJECTS, cpu_of_draining, store_backlog
from benchmarks.seeds import World, forget_deliveries, make_world
from benchmarks.stage import Stage
from gitlab_links.accounts.models import Org
from gitlab_links.accounts.task_keys import change_task_key
from gitlab_links.deliveries import processing
from gitlab_links.extensions import db
from gitlab_links.gitlab.snapshot import ItemText
from gitlab_links.mentions.pattern import pattern_of
from gitlab_links.mentions.reading import read_mentions

FORMER_KEYS = [f"OLD{number}" for number in range(20)]
PARAGRAPH = (
    "The pump of the second ship leaks when it is cold. See `pump.c`, UTF-8 and SHA-256: the "
    "valve-12 opens too late, and on 2026-11-29 nobody was warned.\n\n"
)
LIMIT = 1.05
ROUNDS, READINGS = 15, 1000


def run(stage: Stage) -> Result:
    """With a present task key and 20 former ones, in this process and in turns. The bodies have
    6 KB and mention nothing, as most do.
    """
    world = make_world(stage, "mentions", projects=PROJECTS, issues=PER_PROJECT, links_per_task=1)
    with world.app.app_context():
        org = db.session.get_one(Org, world.org_id)
        for key in [*FORMER_KEYS, "ACME"]:
            change_task_key(org, key)
        db.session.commit()
    found: dict[bool, list[float]] = {False: [], True: []}
    _drain(world, read=True)  # warms up
    for _ in range(ROUNDS):
        for read in (False, True):
            found[read].append(_drain(world, read=read))
    deliveries = PROJECTS * PER_PROJECT * EVENTS_PER_ITEM
    what = f"CPU of draining {deliveries} webhooks, with reading mentions of 21 keys and without"
    return Result(
        [at_most(what, median(found[True]), median(found[False]), LIMIT, "s"), _row_of_two_names()]
    )


def _row_of_two_names() -> Row:
    pattern = pattern_of(("ACME", *FORMER_KEYS), "https://tasks.example.com/orgs/x/tasks/")
    text = ItemText("Pumps", f"{PARAGRAPH * 20}Closes ACME-12 and OLD7-13.", None)
    spent = cpu_of({"two": lambda: [read_mentions(text, pattern) for _ in range(READINGS)]}, 3)
    return Row("reading a body that names two tasks", f"{spent['two'] / READINGS * 1000:.0f} µs")


def _drain(world: World, *, read: bool) -> float:
    """CPU seconds until the backlog is worked off."""
    store_backlog(world, lambda _: "opened")
    with world.app.app_context(), _reading(on=read):
        spent = cpu_of_draining(world)
    forget_deliveries(world)
    forget_events(world)
    return spent


@contextmanager
def _reading(*, on: bool) -> Iterator[None]:
    present = processing.org_pattern, processing._add_mentioning
    if not on:
        processing.org_pattern = lambda _: None  # type: ignore[assignment, return-value]
        processing._add_mentioning = lambda *_: None
    try:
        yield
    finally:
        processing.org_pattern, processing._add_mentioning = present
