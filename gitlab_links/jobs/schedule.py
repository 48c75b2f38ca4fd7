"""The schedule: one list, ticked by every ``worker.py``, run once per slot."""

from collections.abc import Callable
from dataclasses import dataclass

from rq.exceptions import DuplicateJobError

from gitlab_links.jobs import functions
from gitlab_links.triggers import enqueue

# Its own queue, which goes before all others: a sweep must not wait behind what it finds.
QUEUE = "schedule"


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A job to run once every so many seconds, however many processes tick."""

    name: str
    every: int
    job: Callable[[], None]


SCHEDULE = (
    Scheduled("sweep", 2, functions.sweep),
    Scheduled("find_due_checks", 10, functions.find_due_checks),
    Scheduled("verdicts", 30, functions.verdicts),
    Scheduled("clean", 3600, functions.clean),
)


def tick(now: float) -> None:
    """Queue what the present slots ask for; ``now`` in Unix seconds.

    The job's id names the slot, and RQ refuses a second job of that id. A job that nobody
    took until its slot was long over is dropped: the next one does the same.
    """
    for entry in SCHEDULE:
        try:
            enqueue(
                QUEUE,
                f"{functions.__name__}.{entry.job.__name__}",
                job_id=job_id(entry, now),
                unique=True,
                ttl=entry.every * 3,
                result_ttl=entry.every * 3,
                failure_ttl=entry.every * 3,
            )
        except DuplicateJobError:
            continue


def job_id(entry: Scheduled, moment: float) -> str:
    """The id of the job that an entry's slot around ``moment`` asks for."""
    return f"tick-{entry.name}-{int(moment // entry.every)}"
