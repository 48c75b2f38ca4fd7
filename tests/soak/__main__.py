"""``python -m tests.soak``: every promise about faults at full size, and the table of figures."""

import argparse
import itertools
import re
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

from gitlab_links.local.supervisor import PROJECT
from tests.databases import DIALECTS
from tests.soak import (
    backfills,
    clocks,
    crowds,
    demotions,
    hosts,
    kills,
    mentions,
    outages,
    outgoing,
    recreations,
    refusals,
    shuffles,
    slow,
)
from tests.soak.figures import Figure, as_table
from tests.soak.stage import Stage

DOCUMENT = PROJECT / "docs" / "evidence" / "reliability.md"
BEGIN, END = "<!-- soak: begin -->", "<!-- soak: end -->"

Scenario = Callable[[Stage], Sequence[Figure]]
SCENARIOS: dict[str, Scenario] = {
    "1,000 kills, 20 flushes": lambda stage: kills.kills(
        stage, count=1000, flushes=20, orgs=6, workers=2
    ),
    "1,000 kills while 5,000 events go out": lambda stage: outgoing.outgoing(
        stage, events=5000, kills=1000, flushes=5, away=10
    ),
    "20 flushes of what is queued": lambda stage: kills.flush(stage, times=20),
    "a look back, its workers killed": lambda stage: backfills.killed_backfill(
        stage, projects=20, mentions=30, kills=5, seconds=40
    ),
    "Redis away for 10 minutes": lambda stage: outages.redis_away(stage, seconds=600),
    "5 restarts of the database": lambda stage: outages.database_away(stage, times=5, seconds=5),
    "a demoted primary": lambda stage: demotions.demoted_primary(stage, seconds=60),
    "webhooks turned away": lambda stage: refusals.turned_away(stage, seconds=60),
    "10 stops under load": lambda stage: outages.graceful_stops(stage, times=10),
    "100 copies, 100 times": lambda stage: crowds.copies(stage, deliveries=100, of_each=100),
    "a flood of 5,000 beside another org": lambda stage: crowds.flood(
        stage, events=5000, watched=100
    ),
    "3 worker.py": lambda stage: crowds.several_workers(stage, workers=3, ttl=20, rounds=3),
    "3 hosts, one lost, two cut off": lambda stage: hosts.lost_and_cut_off(
        stage, hows=("reset", "silence"), seconds=35
    ),
    "5 minutes of disorder": lambda stage: crowds.steady(stage, seconds=300, per_second=30),
    "a re-created project of 20,000 items": lambda stage: recreations.recreated_project(
        stage, items=20_000, seconds=60
    ),
    "an hour back": lambda stage: clocks.hour_back(stage, seconds=30),
    "four slow GitLabs": lambda stage: slow.slow_gitlabs(stage, links=20),
    "1,000 shuffles": lambda stage: shuffles.shuffles(stage, count=1000),
    "100 mentions on an idle system": lambda stage: mentions.mention_to_link(stage, count=100),
    "1,000 shuffled mentions": lambda stage: shuffles.shuffled_mentions(stage, count=1000),
}
ONLY_ON = {
    "5 restarts of the database": "postgresql",
    "a demoted primary": "postgresql",
    "webhooks turned away": "postgresql",
    "3 hosts, one lost, two cut off": "postgresql",
}

Row = tuple[str, str, Figure]


def main() -> int:
    """Run what was asked for; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("words", nargs="*", help="run scenarios whose name has one of these")
    parser.add_argument("--database", choices=DIALECTS, action="append", help="run on which")
    parser.add_argument(
        "--keep",
        action="store_true",
        help=f"what a run on all databases finds goes into {DOCUMENT.name}",
    )
    options = parser.parse_args()
    names = [name for name in SCENARIOS if _asked_for(name, options.words)]
    dialects = options.database or DIALECTS
    # Most of a scenario is waiting: the databases side by side take half the time.
    with ProcessPoolExecutor(len(dialects), get_context("fork")) as pool:
        found = list(pool.map(_run_on, dialects, [names] * len(dialects)))
    rows = sorted(itertools.chain(*found), key=lambda row: names.index(row[0]))
    print(as_table(rows))
    if options.keep and not options.database:
        DOCUMENT.write_text(kept_in(DOCUMENT.read_text(encoding="utf-8"), rows), encoding="utf-8")
    return 0 if all(figure.kept for _, _, figure in rows) else 1


def _asked_for(name: str, words: Sequence[str]) -> bool:
    return not words or any(word in name for word in words)


def _run_on(dialect: str, names: Sequence[str]) -> Sequence[Row]:
    rows: list[Row] = []
    for name in names:
        if ONLY_ON.get(name, dialect) == dialect:
            rows += _run(name, SCENARIOS[name], dialect)
    return rows


def _run(name: str, scenario: Scenario, dialect: str) -> list[Row]:
    started = time.monotonic()
    with Stage(dialect) as stage:
        try:
            figures = list(scenario(stage))
        except Exception as error:
            # What went wrong is a line of the table; the other scenarios are still run.
            figures = [Figure("the scenario comes to its end", repr(error)[:200], kept=False)]
            print(error, file=sys.stderr)
            _show_logs(stage.supervisor.folder)
    seconds = time.monotonic() - started
    broken = [(name, dialect, figure) for figure in figures if not figure.kept]
    print(f"{name}, {dialect}: {seconds:.0f} s, {len(broken)} broken", file=sys.stderr)
    if broken:
        print(as_table(broken), file=sys.stderr)
    sys.stderr.flush()
    return [(name, dialect, figure) for figure in figures]


def _show_logs(folder: Path) -> None:
    for log in sorted(folder.glob("w*.log")):
        tail = log.read_text(errors="replace").splitlines()[-10:]
        print(f"{log.name}:", *tail, sep="\n", file=sys.stderr)


def kept_in(document: str, rows: Sequence[Row]) -> str:
    """The document with these figures; scenarios that were not run keep theirs and their day."""
    pattern = re.compile(f"{re.escape(BEGIN)}(.*?){re.escape(END)}", re.DOTALL)
    found = pattern.search(document)
    assert found is not None
    tables = {block.split("\n", 1)[0]: block for block in found[1].split("\n### ")[1:]}
    today = datetime.now(UTC).date().isoformat()
    for name, of_name in itertools.groupby(rows, key=lambda row: row[0]):
        tables[name] = f"{name}\n\nMade on {today}.\n\n{as_table(list(of_name))}\n"
    ordered = [tables[name] for name in SCENARIOS if name in tables]
    never = [name for name in SCENARIOS if name not in tables]
    missing = f"\nNot run at full size yet: {', '.join(never)}.\n" if never else ""
    text = "".join(f"\n### {block.rstrip()}\n" for block in ordered)
    return pattern.sub(lambda _: f"{BEGIN}{missing}{text}{END}", document)


if __name__ == "__main__":
    sys.exit(main())
