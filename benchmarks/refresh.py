"""The scheduled refresh of two thousand stale items in twenty projects."""

import time

from benchmarks.processes import cpu_seconds
from benchmarks.report import Result, Row, at_most, median
from benchmarks.seeds import make_stale, make_world, unfinished
from benchmarks.stage import GITLAB_SECONDS, Stage
from gitlab_links.job_triggers import JobKind, trigger
from gitlab_links.sync.due_items import BATCH_SIZE
from gitlab_links.sync.fetching import PARALLEL_CALLS

PROJECTS = 20
PER_PROJECT = 100
ROUNDS = 3


def run(stage: Stage) -> Result:
    """From the trigger to the last item stored."""
    world = make_world(stage, "refresh", projects=PROJECTS, issues=PER_PROJECT)
    floor_calls = PROJECTS * -(-PER_PROJECT // BATCH_SIZE)
    floor_seconds = GITLAB_SECONDS * floor_calls / PARALLEL_CALLS
    worker = stage.start_worker()
    calls, seconds, cpu = [], [], []
    for _ in range(ROUNDS):
        stage.control("reset_calls")
        spent = cpu_seconds(worker.pid)
        make_stale(world)
        started = time.perf_counter()
        with stage.app.app_context():
            trigger(JobKind.SYNC, world.org_id)
        while unfinished(world):
            time.sleep(0.02)
        seconds.append(time.perf_counter() - started)
        calls.append(stage.gitlab_calls())
        cpu.append(cpu_seconds(worker.pid) - spent)
    stage.stop(worker)
    per_item = median(cpu) / (PROJECTS * PER_PROJECT) * 1000
    return Result(
        [
            at_most("GitLab calls", max(calls), floor_calls, 1.0, "calls", digits=0),
            at_most("until the last is stored", median(seconds), floor_seconds, 2.0, "s"),
            Row("worker CPU per item", f"{per_item:.2f} ms"),
        ]
    )
