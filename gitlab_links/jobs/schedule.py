"""The schedule: one list, ticked by every ``worker.py``, run once per slot."""

from collections.abc import Callable
from dataclasses import dataclass

from rq.exceptions import DuplicateJobError

from gitlab_links.doorbell import Bell, enqueue
from gitlab_links.jobs import functions


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A job to run once every so many seconds, however many processes tick."""

    name: str
    every: int
    job: Callable[[], None]


SCHEDULE = (
    Scheduled("sweep", 2, functions.sweep),
    Scheduled("clean", 3600, functions.clean),
)


def tick(now: float) -> None:
    """Queue what the present slots ask for; ``now`` in Unix seconds.

    The job's id names the slot, and RQ refuses a second job of that id. A job that nobody
    took until its slot was long over is dropped: the next one does the same.
    """
    for entry in SCHEDULE:
        slot = int(now // entry.every)
        try:
            enqueue(
                Bell.DRAIN.queue,
                f"{functions.__name__}.{entry.job.__name__}",
                job_id=f"tick-{entry.name}-{slot}",
                unique=True,
                ttl=entry.every * 3,
                result_ttl=entry.every * 3,
                failure_ttl=entry.every * 3,
            )
        except DuplicateJobError:
            continue
