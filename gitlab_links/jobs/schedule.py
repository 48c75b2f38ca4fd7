"""The schedule of jobs: every ``worker.py`` ticks, and each job runs once per slot."""

from collections.abc import Callable
from dataclasses import dataclass

from gitlab_links.job_triggers import SCHEDULE_QUEUE, enqueue_once
from gitlab_links.jobs import functions


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
    Scheduled("send_digests", 300, functions.send_digests),
    Scheduled("clean", 3600, functions.clean),
)


class Ticker:
    """Enqueues the jobs of each slot. Remembers what it has enqueued, so that a tick within the
    same slot costs nothing.
    """

    def __init__(self) -> None:
        self._enqueued: dict[str, str] = {}

    def tick(self, now: float) -> None:
        """Enqueue the jobs of the current slots; ``now`` in Unix seconds.

        The job's id names the slot, so that a second job for it, as of another host, is refused.
        A job that waits for three slots expires: later ones do the same.
        """
        for entry in SCHEDULE:
            name = job_id(entry, now)
            if self._enqueued.get(entry.name) != name:
                function = f"{functions.__name__}.{entry.job.__name__}"
                enqueue_once(SCHEDULE_QUEUE, function, name, entry.every * 3)
                self._enqueued[entry.name] = name


def job_id(entry: Scheduled, moment: float) -> str:
    """The id of an entry's job in the slot around ``moment``, in Unix seconds."""
    return f"tick-{entry.name}-{int(moment // entry.every)}"
