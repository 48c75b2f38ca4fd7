"""Killing workers in the middle of their work, forgetting Redis, losing triggers."""

import os
import random
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager

from gitlab_links.job_triggers import JobKind
from gitlab_links.local.supervisor import signal_all
from tests.hanging import HANGS
from tests.patience import within
from tests.soak.figures import Figure, at_least, at_most, exactly
from tests.soak.recoveries import TOO_LONG, Recoveries
from tests.soak.stage import WORKER_PROCESSES, Stage
from tests.soak.world import Background, World, editing

SEED = 20260501
# What others hold is done after so many seconds, in most cases.
OTHERS_ARE_DONE = 0.03
TRIGGERED = (JobKind.DRAIN.queue, JobKind.SYNC.queue)


def kills(
    stage: Stage, *, count: int, flushes: int, orgs: int = 1, workers: int = 1
) -> Sequence[Figure]:
    """``count`` workers killed at work, Redis flushed now and then, triggers lost all the time."""
    stage.serve(workers=workers)
    worlds = [World.make(stage, projects=2, issues=6) for _ in range(orgs)]
    for world in worlds:
        world.settle(HANGS)
    recoveries, killer = Recoveries(worlds), Killer(stage)
    stage.gitlab.state.faults.latency = 0.1
    forget = [(number + 1) * count // (flushes + 1) for number in range(flushes)]
    thief = Thief(stage, recoveries)
    with Background(recoveries.look, 0.5), Background(thief.take_one, 0.3), ExitStack() as edits:
        for number, world in enumerate(worlds):
            edits.enter_context(editing(world, SEED + number, per_second=20 / orgs))
        while len(killer.dead) < count or thief.taken < count // 5:
            killer.kill_one_at_work(recoveries)
            if len(killer.dead) % 100 == 0:
                print(f"{len(killer.dead)} killed", file=sys.stderr, flush=True)
            if len(killer.dead) in forget:
                stage.redis.flushall()
    with Background(recoveries.look, 0.5):
        stage.gitlab.state.sender.wait_idle(HANGS)
        sent = sum(world.count() for world in worlds)
        settled = sum(world.settle(90) for world in worlds)
    recoveries.look()
    return [
        at_least("workers killed in the middle of a job", len(killer.dead), count),
        at_least("of these while they held deliveries or a lease", killer.holding, count // 10),
        at_least("deliveries received meanwhile", sent, 2 * count),
        at_least("triggers lost", thief.taken, count // 5),
        exactly("deliveries lost, failed or left over", sum(w.lost() for w in worlds), 0),
        exactly("links that differ from GitLab", sum(len(w.differing()) for w in worlds), 0),
        at_most("a killed worker's work is taken up", recoveries.worst, TOO_LONG),
        at_most("also if more are killed about it", recoveries.worst_in_all, 3 * TOO_LONG),
        at_most("everything done after the last kill", settled, 45),
    ]


class Killer:
    """Kills workers in the middle of a job, whatever they are at; ``holding`` counts those that
    held deliveries or a lease.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.dead: set[int] = set()
        self.holding = 0

    def kill_one_at_work(self, recoveries: Recoveries) -> None:
        """Not the next one as it begins: that would be before it holds anything, every time."""
        while True:
            if self._busy():
                time.sleep(random.uniform(0, 0.3))
            found = self._busy()
            if found:
                return self._kill(*random.choice(found), recoveries)
            time.sleep(0.01)

    def _kill(self, pid: int, job: str, recoveries: Recoveries) -> None:
        os.kill(pid, signal.SIGSTOP)
        held = recoveries.held()
        if held:
            time.sleep(OTHERS_ARE_DONE)
            held &= recoveries.held()
        os.kill(pid, signal.SIGKILL)
        self.dead.add(pid)
        recoveries.note_kill(held, job)
        self.holding += bool(held)

    def _busy(self) -> list[tuple[int, str]]:
        """But for those that are dead, and listed until they are replaced."""
        found = [
            item for worker in self._stage.workers for item in self._stage.busy(worker).items()
        ]
        return [(pid, job) for pid, job in found if pid not in self.dead]


class Thief:
    """Waits for triggers beside the workers, and forgets those it gets; ``taken`` counts them."""

    def __init__(self, stage: Stage, recoveries: Recoveries) -> None:
        self._redis = stage.redis
        self._recoveries = recoveries
        self.taken = 0

    def take_one(self) -> None:
        """The next one that no worker was waiting for longer."""
        found = self._redis.blpop([f"rq:queue:{name}" for name in TRIGGERED], timeout=1)
        if found:
            job = self._redis.hget(f"rq:job:{found[1].decode()}", "description") or b""
            self._recoveries.note_lost(job.decode())
            self.taken += 1


def flush(stage: Stage, *, times: int) -> Sequence[Figure]:
    """What was triggered and forgotten by Redis is triggered again."""
    stage.serve()
    world = World.make(stage, projects=2, issues=5)
    world.settle(HANGS)
    choose, waits, triggered = random.Random(SEED), [], 0
    for _ in range(times):
        with _frozen(stage):
            for _ in range(20):
                world.edit(choose)
            stage.gitlab.state.sender.wait_idle(HANGS)
            triggered += world.undone()
            stage.redis.flushall()
        waits.append(within(HANGS, lambda: world.undone() == 0, every=0.1))
    within(HANGS, lambda: stage.redis.scard("rq:workers") == WORKER_PROCESSES + 1)
    return [
        at_least("deliveries whose trigger was forgotten", triggered, times),
        exactly("links that differ from GitLab", len(world.differing()), 0),
        at_most("all is done after Redis forgot everything", max(waits), 10),
    ]


@contextmanager
def _frozen(stage: Stage) -> Iterator[None]:
    """Nobody takes up any work meanwhile."""
    pids = [pid for worker in stage.workers for pid in stage.children(worker)]
    while True:
        signal_all(pids, signal.SIGSTOP)
        if _can_be_written(stage):
            break
        # One was stopped within a transaction, which on SQLite keeps everybody waiting.
        signal_all(pids, signal.SIGCONT)
        time.sleep(0.05)
    try:
        yield
    finally:
        signal_all(pids, signal.SIGCONT)


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
