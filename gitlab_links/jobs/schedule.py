"""The schedule of jobs: every ``worker.py`` ticks, and each job runs once per slot."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db, redis
from gitlab_links.job_triggers import SCHEDULE_QUEUE, enqueue_once
from gitlab_links.jobs import due_work, functions
from gitlab_links.jobs.slots import SWEEP, Slots


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A job to run once in each slot; if ``is_needed`` is given, only when that says so."""

    slots: Slots
    job: Callable[[], None]
    is_needed: Callable[[], bool] | None = None


def _is_work_due() -> bool:
    """Whether a sweep would find anything. It is not known without the database: then a worker
    that reaches it finds out.
    """
    try:
        return due_work.is_any(utcnow())
    except SQLAlchemyError:
        return True
    finally:
        db.session.remove()


SCHEDULE = (
    Scheduled(SWEEP, functions.sweep, _is_work_due),
    Scheduled(Slots("find_due_checks", 10), functions.find_due_checks),
    Scheduled(Slots("verdicts", 30), functions.verdicts),
    Scheduled(Slots("send_digests", 300), functions.send_digests),
    Scheduled(Slots("clean", 3600), functions.clean),
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
            slots = entry.slots
            name = slots.job_id(now)
            if self._enqueued.get(slots.name) != name:
                if entry.is_needed is None or (_is_first(entry, now) and entry.is_needed()):
                    function = f"{functions.__name__}.{entry.job.__name__}"
                    enqueue_once(SCHEDULE_QUEUE, function, name, slots.every * 3)
                self._enqueued[slots.name] = name


def _is_first(entry: Scheduled, now: float) -> bool:
    """Whether nobody has asked yet in this slot: the one who asks enqueues the job, or the next
    slot does.
    """
    slots = entry.slots
    return bool(redis().set(slots.asked_key(now), "1", nx=True, ex=slots.every * 3))
