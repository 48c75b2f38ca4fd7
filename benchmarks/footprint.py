"""How much memory the processes take, whether it grows, and how long they take to start."""

import os
import resource
import subprocess
import time
from collections.abc import Sequence

from benchmarks.accept import webhooks
from benchmarks.load import send
from benchmarks.processes import children, cpu_seconds, memory
from benchmarks.report import Result, Row, below, median
from benchmarks.seeds import forget_deliveries, make_world
from benchmarks.stage import Stage
from gitlab_links.local.services import python
from gitlab_links.local.supervisor import PROJECT

WEBHOOKS = 100_000
CHUNK = 5_000
LONGEST_SECONDS = 150
GROWTH_MB = 10.0
STARTS = 5
START_LIMIT = 3.0
SETTLING_SECONDS = 15
IDLE_SECONDS = 60
IDLE_LIMIT = 8.0
_FLOOR = "import flask, time; time.sleep(60)"
_WORKER = """
from gitlab_links.app import create_job_app
from gitlab_links.config.settings import Settings
from gitlab_links.jobs import worker_pool
worker_pool._preload(create_job_app(Settings.from_environ()))
"""


def run_memory(stage: Stage) -> Result:
    """Resident memory after the first requests, and what very many webhooks add to it."""
    world = make_world(stage, "memory", projects=1, issues=20)
    floor = subprocess.Popen(python("-c", _FLOOR))
    web, worker = stage.start_web(processes=1), stage.start_worker()
    (web_pid,) = children(web.child.pid)
    send(web.port, webhooks(world, CHUNK, keep_alive=True), keep_alive=True)
    first, flask = memory(web_pid), memory(floor.pid)
    floor.kill()
    floor.wait()
    crew = [("worker parent", worker.pid)]
    crew += [(f"worker child {n}", pid) for n, pid in enumerate(children(worker.pid), start=1)]
    rows = [
        Row("Python with Flask imported", f"{flask.resident:.0f} MB"),
        _row("web process", web_pid, flask.resident),
        *(_row(name, pid, flask.resident) for name, pid in crew),
    ]
    rows.append(
        Row("all of these together", f"{_together([web_pid, *dict(crew).values()]):.0f} MB")
    )
    sent, deadline = CHUNK, time.monotonic() + LONGEST_SECONDS
    while sent < WEBHOOKS and time.monotonic() < deadline:
        send(web.port, webhooks(world, CHUNK, keep_alive=True), keep_alive=True)
        forget_deliveries(world)
        sent += CHUNK
    grown = memory(web_pid).resident - first.resident
    rows.append(
        Row(
            f"web process, growth over {sent:,} webhooks",
            f"{grown:+.1f} MB",
            target=f"<= {GROWTH_MB:g} MB",
            met=grown <= GROWTH_MB,
        )
    )
    stage.stop(worker)
    stage.stop(web.child)
    return Result(rows)


def _row(what: str, pid: int, floor: float) -> Row:
    found = memory(pid)
    return Row(
        what,
        f"{found.resident:.0f} MB, {found.own:.0f} MB its own",
        f"{floor:.0f} MB",
        found.resident / floor,
    )


def _together(pids: Sequence[int]) -> float:
    return sum(memory(pid).proportional for pid in pids)


def run_idle(stage: Stage) -> Result:
    """What web and worker processes use while nothing happens, with one org connected."""
    make_world(stage, "idle", projects=2, issues=20)
    web, worker = stage.start_web(processes=2), stage.start_worker()
    time.sleep(SETTLING_SECONDS)
    pids = (web.child.pid, worker.pid)
    before, commands = [cpu_seconds(pid) for pid in pids], _redis_commands(stage)
    time.sleep(IDLE_SECONDS)
    used = [cpu_seconds(pid) - ago for pid, ago in zip(pids, before, strict=True)]
    commands = _redis_commands(stage) - commands
    stage.stop(worker)
    stage.stop(web.child)
    whole = sum(used) / IDLE_SECONDS * 1000
    return Result(
        [
            Row("web, two processes: CPU", f"{used[0] / IDLE_SECONDS * 1000:.1f} ms/s"),
            Row("worker.py, three workers: CPU", f"{used[1] / IDLE_SECONDS * 1000:.1f} ms/s"),
            below("both together: CPU", whole, IDLE_LIMIT, "ms/s"),
            Row("Redis commands", f"{commands / IDLE_SECONDS:.1f} a second"),
        ]
    )


def _redis_commands(stage: Stage) -> int:
    return int(stage.redis.info("stats")["total_commands_processed"])


def run_start(stage: Stage) -> Result:
    """CPU and wall time until ready, beside importing Flask."""
    floor = _starts(python("-c", "import flask"), stage)
    web = _starts(python("-c", "import wsgi"), stage)
    rows = [
        _start_row("web application ready", web, floor, START_LIMIT),
        _start_row("worker ready to fork", _starts(python("-c", _WORKER), stage), floor),
        _start_row("flask --help", _starts(python("-m", "flask", "--help"), stage), floor),
    ]
    started = time.perf_counter()
    answering = stage.start_web()
    rows.append(Row("gunicorn answers", f"{time.perf_counter() - started:.2f} s"))
    stage.stop(answering.child)
    return Result(rows)


def _start_row(
    what: str, here: tuple[float, float], floor: tuple[float, float], limit: float | None = None
) -> Row:
    ratio = here[0] / floor[0]
    return Row(
        f"{what}: CPU (wall)",
        f"{here[0]:.2f} s ({here[1]:.2f} s)",
        f"{floor[0]:.2f} s ({floor[1]:.2f} s)",
        ratio,
        "" if limit is None else f"<= {limit:g}x",
        None if limit is None else ratio <= limit,
    )


def _starts(command: Sequence[str], stage: Stage) -> tuple[float, float]:
    """The medians of CPU and wall seconds of running a command to its end."""
    cpu, wall = [], []
    environment = os.environ | stage.environment(stage.database_url, LOG_LEVEL="ERROR")
    for _ in range(STARTS):
        before, started = _children_cpu(), time.perf_counter()
        subprocess.run(command, cwd=PROJECT, env=environment, check=True, stdout=subprocess.DEVNULL)
        wall.append(time.perf_counter() - started)
        cpu.append(_children_cpu() - before)
    return median(cpu), median(wall)


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
