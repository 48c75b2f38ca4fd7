"""The schedule of jobs: every ``worker.py`` ticks, and each job runs once per slot."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db, redis
from gitlab_links.job_triggers import SCHEDULE_QUEUE, enqueue_once
from gitlab_links.jobs import due_work, functions


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A job to run once every ``every`` seconds, however many processes tick; if ``is_needed`` is
    given, only when that says so.
    """

    name: str
    every: int
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
    Scheduled("sweep", 2, functions.sweep, _is_work_due),
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
                if entry.is_needed is None or (_is_first(entry, now) and entry.is_needed()):
                    function = f"{functions.__name__}.{entry.job.__name__}"
                    enqueue_once(SCHEDULE_QUEUE, function, name, entry.every * 3)
                self._enqueued[entry.name] = name


def _is_first(entry: Scheduled, now: float) -> bool:
    """Whether nobody has asked yet in this slot: the one who asks enqueues the job, or the next
    slot does.
    """
    return bool(redis().set(_asked_key(entry, now), "1", nx=True, ex=entry.every * 3))


def job_id(entry: Scheduled, moment: float) -> str:
    """The id of an entry's job in the slot around ``moment``, in Unix seconds."""
    return f"tick-{entry.name}-{int(moment // entry.every)}"


def _asked_key(entry: Scheduled, moment: float) -> str:
    return f"gitlab_links:asked:{job_id(entry, moment)}"


def has_ticked(moment: float) -> bool:
    """Whether some host has ticked within the three slots of the sweep before ``moment``.

    Raises :class:`redis.exceptions.RedisError`.
    """
    sweep = SCHEDULE[0]
    keys = [_asked_key(sweep, moment - sweep.every * back) for back in range(3)]
    return bool(redis().exists(*keys))
