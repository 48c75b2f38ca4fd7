"""Accepting webhooks, beside a bare Flask view with one INSERT on the same gunicorn."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.load import Load, send
from benchmarks.processes import cpu_seconds
from benchmarks.report import Result, Row, at_most, median, percentile
from benchmarks.seeds import WEBHOOK_SECRET, World, forget_deliveries, make_world
from benchmarks.stage import Stage, Web
from benchmarks.webhooks import issue_event, request
from gitlab_links.clock import utcnow

ROUNDS = 5
REQUESTS = 400
WARM_UP = 200
OURS = "/api/orgs/{}/integrations/gitlab/webhook"
FLOORS = {"insert": "/insert/{}", "core": "/insert-core/{}", "bare": "/bare"}


@dataclass
class Series:
    """What repeated runs of one contender took."""

    web: Web
    path: str
    cpu: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    p99s: list[float] = field(default_factory=list)

    def run(self, requests: Sequence[bytes], *, keep_alive: bool) -> Load:
        """Send and note CPU time per request, rate and p99."""
        before = cpu_seconds(self.web.child.pid)
        load = send(self.web.port, requests, keep_alive=keep_alive)
        spent = cpu_seconds(self.web.child.pid) - before
        self.cpu.append(spent / len(requests) * 1000)
        self.rates.append(load.per_second)
        self.p99s.append(percentile(load.latencies, 0.99) * 1000)
        return load


def run(stage: Stage) -> Result:
    """Both ways of connecting; no worker runs, so that nothing but accepting is measured."""
    world = make_world(stage, "accept", projects=20, issues=25)
    ours = stage.start_web()
    floor = stage.start_web("floor", "benchmarks.floors:app")
    rows: list[Row] = []
    for keep_alive in (False, True):
        contenders = {"ours": Series(ours, OURS)} | {
            name: Series(floor, path) for name, path in FLOORS.items()
        }
        _alternate(world, contenders, keep_alive=keep_alive)
        rows += _rows("keep-alive" if keep_alive else "new connections", contenders)
    stage.stop(floor.child)
    stage.stop(ours.child)
    return Result(rows)


def webhooks(
    world: World, count: int, *, path: str = OURS, keep_alive: bool = False
) -> list[bytes]:
    """So many requests, over the world's items in turns."""
    now = utcnow()
    bodies = [issue_event(item, f"Title of {item.iid}", now) for item in world.items]
    return [
        request(
            world.org_id,
            WEBHOOK_SECRET,
            bodies[number % len(bodies)],
            keep_alive=keep_alive,
            path=path,
        )
        for number in range(count)
    ]


def _alternate(world: World, contenders: dict[str, Series], *, keep_alive: bool) -> None:
    def requests(series: Series, count: int) -> list[bytes]:
        return webhooks(world, count, path=series.path, keep_alive=keep_alive)

    for series in contenders.values():
        send(series.web.port, requests(series, WARM_UP), keep_alive=keep_alive)
    for _ in range(ROUNDS):
        for series in contenders.values():
            series.run(requests(series, REQUESTS), keep_alive=keep_alive)
    forget_deliveries(world)


def _rows(how: str, contenders: dict[str, Series]) -> list[Row]:
    ours, insert = contenders["ours"], contenders["insert"]
    rate, floor_rate = median(ours.rates), median(insert.rates)
    core, bare = median(contenders["core"].cpu), median(contenders["bare"].cpu)
    return [
        at_most(f"{how}: web CPU per webhook", median(ours.cpu), median(insert.cpu), 1.25, "ms"),
        at_most(f"{how}: p99 at 8 connections", median(ours.p99s), median(insert.p99s), 1.5, "ms"),
        Row(
            f"{how}: webhooks/s at 8 connections",
            f"{rate:.0f}/s",
            f"{floor_rate:.0f}/s",
            rate / floor_rate,
            ">= 0.8x",
            rate >= 0.8 * floor_rate,
        ),
        Row(
            f"{how}: beside an INSERT past the ORM",
            f"{median(ours.cpu):.2f} ms",
            f"{core:.2f} ms",
            median(ours.cpu) / core,
        ),
        Row(
            f"{how}: beside no database at all",
            f"{median(ours.cpu):.2f} ms",
            f"{bare:.2f} ms",
            median(ours.cpu) / bare,
        ),
    ]
