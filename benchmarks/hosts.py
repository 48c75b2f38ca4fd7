"""What five idle hosts cost: ``python -m benchmarks.hosts --minutes 60``.

Two web and three worker hosts share one PostgreSQL and one Redis, with one org connected. Nothing
happens but what the schedule does.
"""

import argparse
import time
from dataclasses import astuple, dataclass

import psycopg

from benchmarks.processes import cpu_seconds
from benchmarks.report import Result, Row, as_section, keep
from benchmarks.seeds import make_world
from benchmarks.stage import Stage

WEB_HOSTS, WORKER_HOSTS = 2, 3
SETTLING_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Counts:
    """What was used since the start: statements and commands, and CPU seconds by kind of host."""

    statements: int
    redis_commands: int
    calls: int
    web: float
    worker: float


def run(stage: Stage, minutes: float) -> Result:
    """Counts of an hour, from those of so many minutes."""
    _log_statements(stage)
    make_world(stage, "hosts", projects=2, issues=20)
    webs = [stage.start_web(f"web-{number}").child.pid for number in range(WEB_HOSTS)]
    workers = [stage.start_worker().pid for _ in range(WORKER_HOSTS)]
    time.sleep(SETTLING_SECONDS)
    before = _counts(stage, webs, workers)
    time.sleep(minutes * 60)
    after, hours = _counts(stage, webs, workers), minutes / 60
    used = [(now - then) / hours for now, then in zip(astuple(after), astuple(before), strict=True)]
    statements, commands, calls, web, worker = used
    return Result(
        [
            Row("statements an hour", f"{statements:,.0f}"),
            Row("Redis commands an hour", f"{commands:,.0f}"),
            Row("calls to GitLab about items an hour", f"{calls:.0f}"),
            Row("CPU of two web hosts an hour", f"{web:.1f} s"),
            Row("CPU of three worker hosts an hour", f"{worker:.1f} s"),
        ]
    )


def _log_statements(stage: Stage) -> None:
    with psycopg.connect(stage.plain_database_url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE \"{name}\" SET log_statement = 'all'")


def _counts(stage: Stage, webs: list[int], workers: list[int]) -> Counts:
    with (stage.folder / "postgresql.log").open(errors="replace") as log:
        statements = sum("LOG:  execute" in line or "LOG:  statement" in line for line in log)
    return Counts(
        statements,
        int(stage.redis.info("stats")["total_commands_processed"]),
        stage.gitlab_calls(),
        sum(map(cpu_seconds, webs)),
        sum(map(cpu_seconds, workers)),
    )


def main() -> None:
    """Measure, print the table, and keep it if asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hosts")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--keep", action="store_true", help="write docs/evidence/performance.md")
    options = parser.parse_args()
    with Stage() as stage:
        result = run(stage, options.minutes)
    print(as_section(result))
    if options.keep:
        keep("hosts", result)


if __name__ == "__main__":
    main()
