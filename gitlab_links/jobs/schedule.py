"""The schedule of jobs: every ``worker.py`` ticks, and each job runs once per slot."""

from collections.abc import Callable
from dataclasses import dataclass

from rq.exceptions import DuplicateJobError

from gitlab_links.jobs import functions
from gitlab_links.triggers import enqueue

# A queue of its own, before all others: a sweep must not wait behind the jobs it triggers.
QUEUE = "schedule"


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A job to run once every ``every`` seconds, however many processes tick."""

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
    """Enqueue the jobs of the current slots; ``now`` in Unix seconds.

    The job's id names the slot, and RQ refuses a second job with that id. A job that waits for
    three slots expires: later ones do the same.
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
    """The id of an entry's job in the slot around ``moment``, in Unix seconds."""
    return f"tick-{entry.name}-{int(moment // entry.every)}"
