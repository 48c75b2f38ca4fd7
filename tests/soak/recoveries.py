"""How long what a killed worker was at took to be taken up again."""

import sys
import time
import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import and_, exists, or_, select

from gitlab_links.clock import utcnow
from gitlab_links.deliveries.claims import LEASE
from gitlab_links.deliveries.models import GitLabWebhookDelivery
from gitlab_links.extensions import db
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.job_triggers import JobKind
from gitlab_links.links.models import GitLabItem
from tests.soak.world import World

TOO_LONG = 40


class Claim(NamedTuple):
    """A delivery by its attempt, or the lease by its end: whoever takes it up changes that."""

    kind: JobKind
    org_id: uuid.UUID
    id: uuid.UUID
    state: int

    @property
    def taken_up_by(self) -> str:
        """The job that does, as RQ describes it."""
        return f"{self.kind.job}('{self.org_id}')"


@dataclass
class _Wait:
    """Since the kill of the holder, and since the last one that can have delayed it."""

    since: float
    last: float


class Recoveries:
    """Told of each kill and lost trigger, and looking again and again; says on stderr what took
    too long.

    ``seconds`` since the last kill or loss of what held a thing or may just have been about to
    take it up; ``in_all`` since the first.
    """

    def __init__(self, worlds: Collection[World]) -> None:
        (self._stage,) = {id(world.stage): world.stage for world in worlds}.values()
        self._org_ids = [world.org.id for world in worlds]
        self._open: dict[Claim, _Wait] = {}
        self.seconds: list[float] = []
        self.in_all: list[float] = []

    def under_way(self) -> set[Claim]:
        """What is claimed just now.

        A lease that has run out is nobody's loss while there is nothing to fetch.
        """
        with self._stage.app.app_context():
            # A worker that was stopped in a transaction must not make us wait for its end.
            db.session.connection(execution_options={"sqlite_deferred": True})
            return {*self._deliveries(), *self._leases()}

    def _deliveries(self) -> Iterator[Claim]:
        delivery = GitLabWebhookDelivery
        rows = db.session.execute(
            select(delivery.org_id, delivery.id, delivery.attempts).where(
                delivery.org_id.in_(self._org_ids), delivery.status == "processing"
            )
        )
        for row in rows:
            yield Claim(JobKind.DRAIN, row.org_id, row.id, row.attempts)

    def _leases(self) -> Iterator[Claim]:
        integration, item, now = OrgGitLabIntegration, GitLabItem, utcnow()
        until = integration.sync_leased_until
        due = exists().where(item.org_id == integration.org_id, item.next_sync_at <= now)
        rows = db.session.execute(
            select(integration.org_id, integration.id, until).where(
                integration.org_id.in_(self._org_ids),
                or_(until > now, and_(until.is_not(None), due)),
            )
        )
        for row in rows:
            ends_at = int(row.sync_leased_until.timestamp() * 1000)
            yield Claim(JobKind.SYNC, row.org_id, row.id, ends_at)

    def held(self) -> set[Claim]:
        """What is claimed by somebody alive, as far as we know."""
        return self.under_way() - self._open.keys()

    def note_kill(self, held: set[Claim], job: str = "") -> None:
        """Begin to wait for these; ``job`` is what was killed, as RQ describes it."""
        self.note_lost(job)
        now = time.monotonic()
        for claim in held:
            self._open.setdefault(claim, _Wait(now, now))

    def note_lost(self, job: str) -> None:
        """What is overdue and this job might have taken up is waited for from now."""
        now = time.monotonic()
        for claim, wait in list(self._open.items()):
            if claim.taken_up_by == job and now - wait.last > LEASE.total_seconds() - 1:
                wait.last = now

    def look(self) -> None:
        """Note which were done, given back or claimed anew since."""
        if not self._open:
            return
        waiting = list(self._open)
        present, now = self.under_way(), time.monotonic()
        for claim in waiting:
            if claim not in present:
                wait = self._open.pop(claim)
                self.seconds.append(now - wait.last)
                self.in_all.append(now - wait.since)
                if now - wait.last > TOO_LONG:
                    _tell(claim, now - wait.last)

    @property
    def worst(self) -> float:
        return max(self.seconds, default=0.0)

    @property
    def worst_in_all(self) -> float:
        return max(self.in_all, default=0.0)


def _tell(claim: Claim, seconds: float) -> None:
    stamp = datetime.now(UTC).time().isoformat("milliseconds")
    what = f"{claim.kind.name} {claim.id} {claim.state}"
    print(f"{stamp}: {what} was taken up after {seconds:.0f} s", file=sys.stderr, flush=True)
