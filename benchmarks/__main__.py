"""``python -m benchmarks [name ...]``: run all benchmarks, or those named, and keep the tables."""

import argparse
import time
from collections.abc import Callable

from benchmarks import (
    accept,
    drain,
    events,
    finding,
    footprint,
    growth,
    large,
    latency,
    lists,
    mentions,
    refresh,
    rules,
)
from benchmarks.report import Result, as_section, keep
from benchmarks.stage import Stage

BENCHMARKS: dict[str, Callable[[Stage], Result]] = {
    "accept": accept.run,
    "drain": drain.run,
    "events": events.run,
    "rules": rules.run,
    "mentions": mentions.run,
    "refresh": refresh.run,
    "latency": latency.run,
    "lists": lists.run,
    "finding": finding.run,
    "growth": growth.run,
    "large": large.run,
    "memory": footprint.run_memory,
    "idle": footprint.run_idle,
    "start": footprint.run_start,
}


def main() -> None:
    """One stage for all; each benchmark has an org of its own."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(BENCHMARKS))
    parser.add_argument("--keep", action="store_true", help="write docs/evidence/performance.md")
    options = parser.parse_args()
    unknown = set(options.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    for name in options.names or BENCHMARKS:
        started = time.monotonic()
        with Stage() as stage:
            try:
                result = BENCHMARKS[name](stage)
            except Exception:
                print(stage.logs())
                raise
        print(
            f"\n## {name} ({time.monotonic() - started:.0f} s)\n\n{as_section(result)}", flush=True
        )
        if options.keep:
            keep(name, result)


if __name__ == "__main__":
    main()
