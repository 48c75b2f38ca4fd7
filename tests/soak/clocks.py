"""The clock of every host of the service is set back by an hour while people work."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from gitlab_links import clock
from gitlab_links.extensions import db
from gitlab_links.links.changes import refresh_links_of_task
from gitlab_links.local.supervisor import PROJECT
from gitlab_links.tasks.models import Task
from tests.hanging import HANGS
from tests.patience import within
from tests.soak.figures import Figure, at_least, at_most, exactly
from tests.soak.stage import Stage
from tests.soak.world import World, editing

SEED = 20260501
HOUR = 3600
SHIFTED = PROJECT / "tests" / "soak" / "shifted"


class HostClock:
    """What the processes of the service, and this one, read as the time; GitLab has its own."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._file = stage.supervisor.folder / "clock"
        self._seconds = 0.0
        self._write(0.0)

    @property
    def settings(self) -> dict[str, str]:
        """For processes that shall read this clock."""
        return {"PYTHONPATH": f"{SHIFTED}:{PROJECT}", "SOAK_CLOCK": str(self._file)}

    def set_back(self, seconds: float) -> None:
        """From now on it is as much earlier, for all of them at once."""
        self._write(self._seconds - seconds)
        self._stage.gitlab.state.clock.offset += timedelta(seconds=seconds)

    def _write(self, seconds: float) -> None:
        self._seconds = seconds
        fresh = Path(f"{self._file}.new")
        fresh.write_text(str(seconds))
        fresh.rename(self._file)

    def now(self, zone: object = None) -> datetime:
        """In place of ``datetime.now`` in this process."""
        return datetime.now(zone) + timedelta(seconds=self._seconds)  # type: ignore[arg-type]


@contextmanager
def shifted(stage: Stage) -> Iterator[HostClock]:
    """All processes of the service are started anew with a clock that can be set back."""
    stage.clear()
    host_clock, true = HostClock(stage), clock.datetime
    clock.datetime = host_clock  # type: ignore[assignment]
    try:
        stage.serve(**host_clock.settings)
        yield host_clock
    finally:
        clock.datetime = true
        stage.clear()


def hour_back(stage: Stage, *, seconds: float) -> Sequence[Figure]:
    """What was changed just before and after is shown; what is asked of GitLab stays little."""
    with shifted(stage) as host_clock:
        world = World.make(stage, projects=2, issues=5)
        world.settle(60)
        (first, *others) = world.links.values()
        stage.gitlab.state.items.edit(first, title="Nobody told", notify=False)
        calls = stage.gitlab_calls(world.project_ids)
        host_clock.set_back(HOUR)
        _refresh_all(stage, world)
        shown = within(HANGS, lambda: not world.differing(), every=0.1)
        time.sleep(seconds)
        asked = stage.gitlab_calls(world.project_ids) - calls
        stage.gitlab.state.items.edit(others[0], title="Nobody asked", notify=False)
        with editing(world, SEED, per_second=2):
            time.sleep(seconds)
        settled = world.settle(60)
        differing = [line for line in world.differing() if "Nobody asked" not in line]
        return [
            at_most("a refresh by hand is shown", shown, 10),
            at_least("calls for it", asked, 1),
            at_most(f"calls for it within {seconds:g} s more", asked, 20, "calls"),
            exactly("deliveries lost, failed or left over", world.lost(), 0),
            exactly("links that differ from GitLab", len(differing), 0),
            at_most("all is done afterwards", settled, 30),
        ]


def _refresh_all(stage: Stage, world: World) -> None:
    """Somebody presses Refresh on each task."""
    with stage.app.app_context():
        tasks = db.session.scalars(db.select(Task.id).where(Task.org_id == world.org.id)).all()
        for task_id in tasks:
            refresh_links_of_task(world.org.id, task_id)
            db.session.commit()
