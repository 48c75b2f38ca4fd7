"""Everything that the verdict on a connection needs, loaded at one moment."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select

from gitlab_links.deliveries.queries import Received, received_by_org
from gitlab_links.extensions import db, settings
from gitlab_links.health.models import HealthProblem
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.former_addresses import projects_elsewhere
from gitlab_links.observations.watched_projects import WatchedProject, watched_by_org
from gitlab_links.observations.webhook_tallies import Tally, tallies_by_org
from gitlab_links.outgoing.endpoints import troubled_endpoints
from gitlab_links.outgoing.models import OutgoingEndpoint
from gitlab_links.rules.changes import rules_stopped

FAILURES_COUNT_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Signals:
    """What is known about an org's connection at ``now``, without calling GitLab.

    ``elsewhere`` counts, by address, the projects whose links lead to another address than the
    org's. ``received`` is None if the deliveries were not loaded. ``problems`` are the open
    ones. ``tallies`` count what was wrong with the webhooks of the last week; they are loaded
    with the deliveries. ``body_quota`` is how many bytes of webhook bodies an org may store a
    day. ``rules_stopped_at`` is when the status rules stopped because they changed too many
    tasks; None while they have not. ``endpoints`` are those that the service turned off,
    and those that fail.
    """

    org_id: uuid.UUID
    now: datetime
    integration: OrgGitLabIntegration | None
    projects: Sequence[WatchedProject]
    received: Received | None
    problems: Sequence[HealthProblem]
    tallies: Sequence[Tally] = ()
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    body_quota: int = 0
    rules_stopped_at: datetime | None = None
    endpoints: Sequence[OutgoingEndpoint] = ()

    @property
    def connected(self) -> bool:
        """Whether the org has an address and a token."""
        found = self.integration
        return found is not None and None not in (found.base_url, found.token_ciphertext)

    @property
    def paused_until(self) -> datetime | None:
        """Until when GitLab is not called; None if it may be called now."""
        until = None if self.integration is None else self.integration.paused_until
        return until if until is not None and until > self.now else None


def load(org_id: uuid.UUID, now: datetime) -> Signals:
    """The signals of one org, in as many SELECTs as for many."""
    return load_many([org_id], now)[org_id]


def load_many(
    org_ids: Collection[uuid.UUID], now: datetime, *, with_deliveries: bool = True
) -> Mapping[uuid.UUID, Signals]:
    """The signals of many orgs, in as many SELECTs as for one."""
    integrations = {
        row.org_id: row
        for row in db.session.scalars(
            select(OrgGitLabIntegration)
            .where(OrgGitLabIntegration.org_id.in_(org_ids))
            .execution_options(populate_existing=True)
        )
    }
    projects = watched_by_org(org_ids, now)
    received = received_by_org(org_ids, now - FAILURES_COUNT_FOR) if with_deliveries else {}
    tallies = tallies_by_org(org_ids, now) if with_deliveries else {}
    problems = _open_problems(org_ids)
    elsewhere = projects_elsewhere(org_ids)
    stopped = rules_stopped(org_ids)
    troubled = troubled_endpoints(org_ids)
    return {
        org_id: Signals(
            org_id=org_id,
            now=now,
            integration=integrations.get(org_id),
            projects=projects[org_id],
            received=received.get(org_id),
            problems=problems[org_id],
            tallies=tallies.get(org_id, ()),
            elsewhere=elsewhere.get(org_id, {}),
            body_quota=settings().webhook_body_quota,
            rules_stopped_at=stopped.get(org_id),
            endpoints=troubled.get(org_id, ()),
        )
        for org_id in org_ids
    }


def _open_problems(org_ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Sequence[HealthProblem]]:
    found: defaultdict[uuid.UUID, list[HealthProblem]] = defaultdict(list)
    for row in db.session.scalars(
        select(HealthProblem)
        .where(HealthProblem.org_id.in_(org_ids), HealthProblem.closed_at.is_(None))
        .execution_options(populate_existing=True)
    ):
        found[row.org_id].append(row)
    return found
