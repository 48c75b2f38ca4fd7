"""From a webhook to the changed link, on a system that has nothing else to do."""

import time
from datetime import timedelta

import psycopg

from benchmarks.drain import edit_in_gitlab
from benchmarks.load import send
from benchmarks.report import Result, Row, median, percentile
from benchmarks.seeds import WEBHOOK_SECRET, World, make_world
from benchmarks.stage import GITLAB_SECONDS, Stage, Web
from benchmarks.webhooks import Item, issue_event, note_event, request
from gitlab_links.clock import utcnow

SAMPLES = 40
PAUSE_SECONDS = 0.4
P50, P95 = 63, 200


def run(stage: Stage) -> Result:
    """The webhook's first byte to the new title in the database."""
    world = make_world(stage, "latency", projects=1, issues=SAMPLES * 2 + 2)
    web = stage.start_web()
    worker = stage.start_worker()
    rows: list[Row] = []
    with psycopg.connect(stage.plain_database_url, autocommit=True) as database:
        watch = _Watch(database, world, web, stage)
        for comments, extra in ((False, 0.0), (True, GITLAB_SECONDS)):
            watch.change(world.items[-1 - comments], comments=comments)
            items = world.items[SAMPLES * comments : SAMPLES * (1 + comments)]
            taken = [watch.change(item, comments=comments) for item in items]
            what = "a fetch is needed" if comments else "the body says all"
            rows += _rows(what, [seconds * 1000 for seconds in taken], P50 + extra * 1000)
    stage.stop(worker)
    stage.stop(web.child)
    return Result(rows)


def _rows(what: str, milliseconds: list[float], p50: float) -> list[Row]:
    half, most = median(milliseconds), percentile(milliseconds, 0.95)
    return [
        Row(f"{what}: p50", f"{half:.0f} ms", target=f"<= {p50:.0f} ms", met=half <= p50),
        Row(f"{what}: p95", f"{most:.0f} ms", target=f"<= {P95} ms", met=most <= P95),
    ]


class _Watch:
    """Sends one webhook and looks until its effect is there."""

    def __init__(self, database: psycopg.Connection, world: World, web: Web, stage: Stage) -> None:
        self._database = database
        self._world = world
        self._web = web
        self._stage = stage

    def change(self, item: Item, *, comments: bool) -> float:
        """The seconds until a new title is stored."""
        time.sleep(PAUSE_SECONDS)
        moment = utcnow() + timedelta(milliseconds=1)
        title = f"Changed at {moment.isoformat()}"
        edit_in_gitlab(self._stage, item, title, moment.isoformat())
        # A comment's body names the item only; what it says must not be what is waited for.
        body = (
            note_event(item, "Not this", moment - timedelta(days=1))
            if comments
            else issue_event(item, title, moment)
        )
        started = time.perf_counter()
        send(
            self._web.port,
            [request(self._world.org_id, WEBHOOK_SECRET, body)],
            keep_alive=False,
            connections=1,
        )
        while not self._stored(title):
            if time.perf_counter() - started > 30:
                raise TimeoutError(title)
            time.sleep(0.002)
        return time.perf_counter() - started

    def _stored(self, title: str) -> bool:
        found = self._database.execute("SELECT 1 FROM gitlab_items WHERE title = %s", [title])
        return found.fetchone() is not None
