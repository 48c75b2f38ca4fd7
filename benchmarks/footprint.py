"""How much memory the processes take, whether it grows, and how long they take to start."""

import os
import resource
import subprocess
import time
from collections.abc import Mapping, Sequence

from benchmarks.accept import webhooks
from benchmarks.drain import work_off_everything
from benchmarks.load import send
from benchmarks.processes import children, cpu_seconds, memory
from benchmarks.report import Result, Row, below, median
from benchmarks.seeds import World, forget_deliveries, make_world
from benchmarks.stage import Stage, Web
from gitlab_links.local.guardian import session_members
from gitlab_links.local.services import python
from gitlab_links.local.supervisor import PROJECT

WEBHOOKS = 100_000
CHUNK = 5_000
LONGEST_SECONDS = 150
GROWTH_MB = 10.0
AFTER_START_MB, AFTER_WORK_MB = 200.0, 240.0
STARTS = 5
START_LIMIT = 3.0
CPU_LIMIT = 1.2
SETTLING_SECONDS = 15
IDLE_SECONDS = 60
IDLE_LIMIT = 8.0
_FLOOR = "import flask, time; time.sleep(60)"
_WORKER = "from gitlab_links.entry_points import ready_pool; ready_pool()"


def run_memory(stage: Stage) -> Result:
    """What web and workers take together after start and after work, and whether it grows."""
    world = make_world(stage, "memory", projects=20, issues=25)
    web, worker = stage.start_web(), stage.start_worker()
    _settle(stage)
    leaders = {"web": web.child.pid, "workers": worker.pid}
    rows = [_floor_row(), *_together("after start", leaders, AFTER_START_MB)]
    work_off_everything(stage, world, web)
    rows += _together("right after 4,000 webhooks", leaders, AFTER_WORK_MB)
    _settle(stage)
    rows += _together("when workers rest again", leaders, AFTER_WORK_MB)
    stage.stop(worker)
    rows.append(_growth_row(world, web))
    stage.stop(web.child)
    return Result(rows)


def _settle(stage: Stage) -> None:
    """Wait until what is done at a start is done, and all workers but one rest."""
    time.sleep(SETTLING_SECONDS)
    deadline = time.monotonic() + LONGEST_SECONDS
    while stage.redis.scard("rq:workers") > 1:
        if time.monotonic() > deadline:
            raise TimeoutError("the workers do not rest")
        time.sleep(1)


def _floor_row() -> Row:
    floor = subprocess.Popen(python("-c", _FLOOR))
    time.sleep(1)
    resident = memory(floor.pid).resident
    floor.kill()
    floor.wait()
    return Row("Python with Flask imported", f"{resident:.0f} MB")


def _together(when: str, leaders: Mapping[str, int], limit: float) -> list[Row]:
    """The sums of proportional memory; and of each process, oldest first, what it alone has."""
    rows, whole = [], 0.0
    for what, leader in leaders.items():
        found = [memory(pid) for pid in sorted(session_members(leader))]
        size = sum(one.proportional for one in found)
        alone = " ".join(f"{one.own:.0f}" for one in found)
        rows.append(Row(f"{when}: {what} ({alone} MB their own)", f"{size:.0f} MB"))
        whole += size
    return [*rows, below(f"{when}: all together", whole, limit, "MB")]


def _growth_row(world: World, web: Web) -> Row:
    serving = [pid for pid in session_members(web.child.pid) if not children(pid)]
    first = [memory(pid).resident for pid in serving]
    sent, deadline = 0, time.monotonic() + LONGEST_SECONDS
    while sent < WEBHOOKS and time.monotonic() < deadline:
        send(web.port, webhooks(world, CHUNK, keep_alive=True), keep_alive=True)
        forget_deliveries(world)
        sent += CHUNK
    grown = max(memory(pid).resident - before for pid, before in zip(serving, first, strict=True))
    return below(f"web process, growth over {sent:,} webhooks", grown, GROWTH_MB, "MB")


def run_idle(stage: Stage) -> Result:
    """What web and worker processes use while nothing happens, with one org connected."""
    make_world(stage, "idle", projects=2, issues=20)
    web, worker = stage.start_web(processes=2), stage.start_worker()
    _settle(stage)
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
    used = cpu_seconds(answering.child.pid)
    rows.append(below("gunicorn with two processes: CPU", used, CPU_LIMIT, "s", digits=2))
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
