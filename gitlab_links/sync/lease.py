"""One fetcher per integration at a time: a lease that ends by itself if its holder dies."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, or_, select, update

from gitlab_links.extensions import db
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.sync.plan import connected

LEASE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Lease:
    """Held until ``until``; only its holder can renew or release it."""

    integration_id: uuid.UUID
    until: datetime


def acquire(org_id: uuid.UUID, now: datetime) -> Lease | None:
    """Take the org's integration for fetching; None while another has it or it is paused."""
    integration = OrgGitLabIntegration
    free = or_(integration.sync_leased_until.is_(None), integration.sync_leased_until <= now)
    taken = db.session.scalar(
        update(integration)
        .where(integration.org_id == org_id, connected(now), free)
        .values(sync_leased_until=now + LEASE, updated_at=integration.updated_at)
        .returning(integration.id)
        .execution_options(synchronize_session=False)
    )
    return None if taken is None else Lease(taken, now + LEASE)


def renew(lease: Lease, now: datetime) -> Lease | None:
    """Extend the lease; None if it ran out and another took it."""
    return Lease(lease.integration_id, now + LEASE) if _set(lease, now + LEASE) else None


def release(lease: Lease) -> None:
    """Give the lease back, unless it is somebody else's by now."""
    _set(lease, None)


def _set(lease: Lease, until: datetime | None) -> bool:
    integration = OrgGitLabIntegration
    result = db.session.execute(
        update(integration)
        .where(integration.id == lease.integration_id, integration.sync_leased_until == lease.until)
        .values(sync_leased_until=until, updated_at=integration.updated_at)
        .execution_options(synchronize_session=False)
    )
    return bool(result.rowcount)  # type: ignore[attr-defined]


def may_call(org_id: uuid.UUID, now: datetime) -> bool:
    """Whether the org's integration is connected and not paused."""
    integration = OrgGitLabIntegration
    return bool(
        db.session.scalar(select(exists().where(integration.org_id == org_id, connected(now))))
    )
