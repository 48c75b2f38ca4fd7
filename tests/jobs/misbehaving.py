"""A GitLab that misbehaves, and one run of the job that meets it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.jobs.fetches import fetch_slice

# A byte at a time, without end: nobody but the caller's own deadline ends it.
DRIP = {"kind": "drip", "seconds": 0.05}
# The deadline of those who are to reach it. Who is answered meanwhile is so on a busy machine, too.
TIMEOUT = 3.0


@dataclass(frozen=True)
class Run:
    """When a run began and ended."""

    before: datetime
    after: datetime

    @property
    def seconds(self):
        return (self.after - self.before).total_seconds()

    def comes_before(self, moment, least, most):
        """Whether a moment is from ``least`` to ``most`` seconds after something in the run."""
        earliest = self.before + timedelta(seconds=least)
        return earliest <= moment <= self.after + timedelta(seconds=most)


def fetch(connected):
    """One run of the job."""
    before = utcnow()
    fetch_slice(connected.org.id)
    return Run(before, utcnow())


def misbehave(connected, kind="status", **details):
    return connected.gitlab.state.faults.answer(kind, **{"times": None, **details})


def end_pause():
    db.session.rollback()
    table = OrgGitLabIntegration.__table__
    with db.engine.begin() as connection:
        connection.execute(table.update().values(paused_until=utcnow()))
