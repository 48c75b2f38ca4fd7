"""Webhooks that the service itself turned away, as without its database: GitLab does not send
them again, so what changed is read as soon as the database answers.

A web process that is not there turns everything away and cannot count it. So each one that starts
has the changes of all orgs read. That covers what one that died had not noted yet, too.
"""

import threading
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog
from flask import Flask
from sqlalchemy import Connection, case, or_, select
from sqlalchemy.exc import SQLAlchemyError

from gitlab_links.accounts.models import Org
from gitlab_links.clock import utcnow
from gitlab_links.deltas.intervals import READ_AGAIN
from gitlab_links.deltas.marks import update_marks
from gitlab_links.deltas.models import BY_TIME, GitLabDeltaMark
from gitlab_links.extensions import built_once, db, this_app
from gitlab_links.links.models import GitLabProject
from gitlab_links.observations.models import TallyKind
from gitlab_links.observations.webhook_tallies import Tally, add_tallies

# From a webhook until it is noted, and from one attempt to the next.
NOTED_AFTER_SECONDS = 2.0
# A replica of GitLab's database may lag behind the change.
LAG = timedelta(seconds=5)
# Strangers can name any number of orgs. From then on it counts as turned away from all.
MOST_ORGS = 1000
_EXTENSION = "webhooks_turned_away"

log = structlog.get_logger(__name__)
_mark, _project = GitLabDeltaMark, GitLabProject


def note_turned_away(org_id: uuid.UUID, now: datetime) -> None:
    """A webhook to this org was not stored, whoever sent it."""
    _of(this_app()).add(org_id, now)


def note_start(app: Flask) -> None:
    """This web process accepts webhooks from now on."""
    _of(app).add_all(utcnow())


def write_turned_away() -> bool:
    """Write what is noted now; whether the database took it."""
    return _of(this_app()).write()


def _of(app: Flask) -> "TurnedAway":
    return built_once(app, _EXTENSION, lambda: TurnedAway(app))


@dataclass(slots=True)
class TurnedAway:
    """What a process turned away and has not written yet, by org; ``_all_at`` is for every org."""

    app: Flask
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _counts: dict[uuid.UUID, Tally] = field(default_factory=dict)
    _all_at: datetime | None = None
    _timer: threading.Timer | None = None

    def add(self, org_id: uuid.UUID, now: datetime) -> None:
        """Count one webhook, and write it soon."""
        with self._lock:
            if org_id in self._counts or len(self._counts) < MOST_ORGS:
                self._count(org_id, Tally(TallyKind.TURNED_AWAY, 1, now, now))
            else:
                self._all_at = now
            self._write_soon()

    def add_all(self, now: datetime) -> None:
        """Have the changes of all orgs read soon."""
        with self._lock:
            self._all_at = now
            self._write_soon()

    def write(self) -> bool:
        """Write it in one transaction; without a database it stays for the next attempt."""
        with self._lock:
            counts, all_at = self._counts, self._all_at
            self._counts, self._all_at, self._timer = {}, None, None
        try:
            with db.engine.begin() as connection:
                _write(connection, counts, all_at)
        except SQLAlchemyError:
            with self._lock:
                for org_id, tally in counts.items():
                    self._count(org_id, tally)
                self._all_at = self._all_at or all_at
                self._write_soon()
            return False
        return True

    def _count(self, org_id: uuid.UUID, more: Tally) -> None:
        known = self._counts.get(org_id, more)
        self._counts[org_id] = replace(
            more,
            count=more.count + (known.count if org_id in self._counts else 0),
            first_at=min(known.first_at, more.first_at),
            last_at=max(known.last_at, more.last_at),
        )

    def _write_soon(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(NOTED_AFTER_SECONDS, self._write_in_context)
            self._timer.daemon = True
            self._timer.start()

    def _write_in_context(self) -> None:
        with self.app.app_context():
            self.write()


def _write(
    connection: Connection, counts: Mapping[uuid.UUID, Tally], all_at: datetime | None
) -> None:
    known = connection.scalars(select(Org.id).where(Org.id.in_(counts))).all() if counts else ()
    for org_id in sorted(known):
        add_tallies(connection, org_id, [counts[org_id]])
        log.warning("webhook.turned_away", org_id=str(org_id), count=counts[org_id].count)
    since = [all_at] if all_at else [counts[org_id].last_at for org_id in known]
    if since:
        read = read_again(connection, max(since), None if all_at else known)
        log.info("webhook.changes_read_again", kinds_of_projects=read, of_all_orgs=bool(all_at))


def read_again(
    connection: Connection, since: datetime, org_ids: Collection[uuid.UUID] | None
) -> int:
    """Have the changes read of the projects that rely on their webhooks, of these orgs or of all;
    of others they are read within the TTL anyway. Returns how many kinds of projects.

    Strangers can have webhooks turned away. So what was read within ``READ_AGAIN`` waits for as
    long, and nothing is read more often. What is due may be being read just now, from before
    ``since``: with another ``due_at`` it is read once more (``proving.move``).
    """
    now = utcnow()
    soon, later = max(now, since + LAG), now + READ_AGAIN
    wanted = case((_mark.proven_at > now - READ_AGAIN, later), else_=soon)
    relying = select(_project.id).where(_project.trusted_until.is_not(None))
    conditions = [
        _mark.kind.in_(BY_TIME),
        _mark.project_id.in_(relying),
        or_(_mark.due_at <= now, _mark.due_at > wanted),
    ]
    if org_ids is not None:
        conditions.append(_mark.org_id.in_(org_ids))
    due_at = case((_mark.due_at <= now, now), else_=wanted)
    return connection.execute(update_marks(*conditions).values(due_at=due_at)).rowcount
