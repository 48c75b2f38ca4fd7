"""Killing workers in the middle of their work, forgetting Redis, losing rings."""

import os
import random
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from gitlab_links.demo.supervisor import Child, signal_all
from tests.soak.figures import Figure, at_least, at_most, exactly
from tests.soak.recoveries import TOO_LONG, Recoveries
from tests.soak.stage import Stage, within
from tests.soak.world import Background, World, editing

SEED = 20260501
# What others hold is done after so many seconds, in most cases.
OTHERS_ARE_DONE = 0.03


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
    killed = holding = lost_rings = 0
    dead: set[int] = set()
    with editing(world, SEED, per_second=30), Background(recoveries.look, 0.5):
        while killed < count:
            holding += _kill_one_at_work(stage, worker, recoveries, dead)
            killed += 1
            if killed % 100 == 0:
                print(f"{killed} killed", file=sys.stderr, flush=True)
            if killed in forget:
                stage.redis.flushall()
            elif choose.random() < 0.2:
                lost_rings += stage.redis.delete("rq:queue:deliveries", "rq:queue:fetches")
    with Background(recoveries.look, 0.5):
        stage.gitlab.state.sender.wait_idle(30)
        sent = world.count()
        settled = world.settle(90)
    recoveries.look()
    return [
        at_least("workers killed in the middle of a job", killed, count),
        at_least("of these while they held deliveries or the lease", holding, count // 10),
        at_least("deliveries received meanwhile", sent, 2 * count),
        at_least("rings lost", lost_rings, 0),
        exactly("deliveries lost, failed or left over", world.lost(), 0),
        exactly("links that differ from GitLab", len(world.differing()), 0),
        at_most("a killed worker's work is taken up", recoveries.worst, TOO_LONG),
        at_most("also if more are killed about it", recoveries.worst_in_all, 3 * TOO_LONG),
        at_most("everything done after the last kill", settled, 45),
    ]


def _kill_one_at_work(stage: Stage, worker: Child, recoveries: Recoveries, dead: set[int]) -> bool:
    """SIGKILL for a worker in the middle of a job, whatever it is at; gives whether it held
    anything.

    Not the next one as it begins: that would be before it holds anything, time and again.
    """
    while True:
        if stage.busy(worker).keys() - dead:
            time.sleep(random.uniform(0, 0.3))
        for pid, job in stage.busy(worker).items():
            # Those that were killed just before are still listed until they are replaced.
            if pid not in dead:
                dead.add(pid)
                os.kill(pid, signal.SIGSTOP)
                held = recoveries.held()
                if held:
                    time.sleep(OTHERS_ARE_DONE)
                    held &= recoveries.held()
                os.kill(pid, signal.SIGKILL)
                recoveries.note_kill(held, job)
                return bool(held)
        time.sleep(0.01)


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
