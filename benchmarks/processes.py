"""CPU time and memory of processes, read from /proc."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gitlab_links.jobs.workers import NICENESS
from gitlab_links.local.guardian import session_members

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(leader: int) -> float:
    """CPU time used by a session so far, in seconds, children that have ended included."""
    return sum(_cpu_ticks(pid) for pid in session_members(leader)) / _TICKS


def _cpu_ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    # utime, stime, and those of ended children: proc(5), fields 14 to 17.
    return sum(int(field) for field in fields[11:15])


@dataclass(frozen=True, slots=True)
class Memory:
    """In MB: what is resident, and the share of it that nobody else maps."""

    resident: float
    proportional: float
    own: float


def memory(pid: int) -> Memory:
    """Memory of one process at this moment."""
    values: dict[str, float] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value = line.split()[:2]
        values[name] = int(value) / 1024
    own = values["Private_Clean:"] + values["Private_Dirty:"]
    return Memory(values["Rss:"], values["Pss:"], own)


def weigh_less(leader: int) -> None:
    """Half the CPU weight of other sessions, as ``deploy/systemd`` gives it to workers.

    The kernel may weigh sessions against one another rather than processes, as it does
    services, and then the worker's niceness counts for nothing: sched(7), autogroup.
    """
    with suppress(OSError):
        Path(f"/proc/{leader}/autogroup").write_text(str(NICENESS))


def children(pid: int) -> list[int]:
    """The direct children of a process."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(word) for word in (task / "children").read_text().split()]
    return sorted(found)
