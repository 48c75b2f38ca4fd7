"""Killing workers in the middle of their work, forgetting Redis, losing rings."""

import os
import random
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress

from gitlab_links.demo.supervisor import Child, signal_all
from tests.soak.figures import Figure, at_least, at_most, exactly
from tests.soak.stage import Stage, within
from tests.soak.world import TOO_LONG, Background, Claim, Recoveries, World, editing

SEED = 20260501
# Of those that were found at work. To kill each would be to let nobody come to an end.
SPARED = 0.5


def kills(
    stage: Stage, *, count: int, flushes: int, projects: int = 4, issues: int = 12
) -> Sequence[Figure]:
    """``count`` workers killed at work, Redis flushed now and then, rings lost all the time."""
    choose = random.Random(SEED)
    stage.serve()
    (worker,) = stage.workers
    world = World.make(stage, projects=projects, issues=issues)
    world.settle(30)
    recoveries = Recoveries(world)
    stage.gitlab.state.faults.latency = 0.1
    forget = [(number + 1) * count // (flushes + 1) for number in range(flushes)]
    killed = lost_rings = 0
    with editing(world, SEED, per_second=20), Background(recoveries.look, 0.5):
        while killed < count:
            while choose.random() < SPARED:
                _spare_one_at_work(stage, worker, recoveries)
                time.sleep(choose.uniform(0.05, 0.6))
            recoveries.note_kill(_kill_one_at_work(stage, worker, recoveries))
            killed += 1
            if killed % 100 == 0:
                print(f"{killed} killed", file=sys.stderr, flush=True)
            if killed in forget:
                stage.redis.flushall()
            elif choose.random() < 0.2:
                lost_rings += stage.redis.delete("rq:queue:deliveries", "rq:queue:fetches")
            time.sleep(choose.uniform(0.05, 0.6))
    with Background(recoveries.look, 0.5):
        stage.gitlab.state.sender.wait_idle(30)
        sent = world.count()
        settled = world.settle(90)
    recoveries.look()
    return [
        at_least("workers killed while they held deliveries or the lease", killed, count),
        at_least("deliveries received meanwhile", sent, 2 * count),
        at_least("rings lost", lost_rings, 0),
        exactly("deliveries lost, failed or left over", world.lost(), 0),
        exactly("links that differ from GitLab", len(world.differing()), 0),
        at_most("a killed worker's work is taken up", recoveries.worst, TOO_LONG),
        at_most("everything done after the last kill", settled, 45),
    ]


def stop_one_at_work(
    stage: Stage, worker: Child, recoveries: Recoveries, *, longer_than: float = 0.03
) -> tuple[int, set[Claim]]:
    """SIGSTOP for a worker that holds something; gives which, and what that is.

    What others hold is not held for ``longer_than`` that.
    """
    while True:
        for pid in stage.busy(worker):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                held = recoveries.held()
                if held:
                    time.sleep(longer_than)
                    held &= recoveries.held()
                if held:
                    return pid, held
                os.kill(pid, signal.SIGCONT)
        time.sleep(0.002)


def _spare_one_at_work(stage: Stage, worker: Child, recoveries: Recoveries) -> None:
    """Let the next one that is found at work go on."""
    pid, _ = stop_one_at_work(stage, worker, recoveries)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def _kill_one_at_work(stage: Stage, worker: Child, recoveries: Recoveries) -> set[Claim]:
    while True:
        pid, held = stop_one_at_work(stage, worker, recoveries)
        # One that was killed just before is stopped as well, until it is reaped.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return held


def flush(stage: Stage, *, times: int) -> Sequence[Figure]:
    """What was rung for and forgotten by Redis is rung for again."""
    stage.serve()
    world = World.make(stage, projects=2, issues=5)
    world.settle(30)
    choose, waits, rung = random.Random(SEED), [], 0
    for _ in range(times):
        with _frozen(stage):
            for _ in range(20):
                world.edit(choose)
            stage.gitlab.state.sender.wait_idle(30)
            rung += world.undone()
            stage.redis.flushall()
        waits.append(within(30, lambda: world.undone() == 0, every=0.1))
    return [
        at_least("deliveries whose ring was forgotten", rung, times),
        exactly("links that differ from GitLab", len(world.differing()), 0),
        at_most("all is done after Redis forgot everything", max(waits), 10),
    ]


@contextmanager
def _frozen(stage: Stage) -> Iterator[None]:
    """Nobody takes up any work meanwhile."""
    crew = [pid for worker in stage.workers for pid in stage.children(worker)]
    while True:
        signal_all(crew, signal.SIGSTOP)
        if _can_be_written(stage):
            break
        # One was stopped within a transaction, which on SQLite keeps everybody waiting.
        signal_all(crew, signal.SIGCONT)
        time.sleep(0.05)
    try:
        yield
    finally:
        signal_all(crew, signal.SIGCONT)


def _can_be_written(stage: Stage) -> bool:
    if stage.dialect != "sqlite":
        return True
    path = stage.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, timeout=0.2, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
    return True
