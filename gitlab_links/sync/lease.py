"""Allow one fetcher per integration: a lease that expires if its holder dies."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, exists, select, update

from gitlab_links.extensions import change_rows, db
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.sync.clock_changes import LEASE, not_leased
from gitlab_links.sync.due_items import connected

_integration = OrgGitLabIntegration


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease until ``until``. Only its holder can renew or release it.

    ``integration`` is the org's row, read by the statement that took the lease.
    """

    until: datetime
    integration: OrgGitLabIntegration = field(repr=False, compare=False)


def acquire(org_id: uuid.UUID, now: datetime) -> Lease | None:
    """Lease the org's integration for fetching; None if it is leased or paused."""
    return _take(now, _integration.org_id == org_id, not_leased(now))


def renew(lease: Lease, now: datetime) -> Lease | None:
    """Extend the lease; None if it expired and another took it, or if calls have to stop."""
    return _take(now, *_is_ours(lease))


def release(lease: Lease) -> None:
    """Release the lease, unless another has taken it since."""
    change_rows(
        update(_integration)
        .where(*_is_ours(lease))
        .values(sync_leased_until=None, updated_at=_integration.updated_at)
    )


def _is_ours(lease: Lease) -> tuple[ColumnElement[bool], ...]:
    return (
        _integration.id == lease.integration.id,
        _integration.sync_leased_until == lease.until,
    )


def _take(now: datetime, *conditions: ColumnElement[bool]) -> Lease | None:
    taken = db.session.scalars(
        update(_integration)
        .where(connected(now), *conditions)
        .values(sync_leased_until=now + LEASE, updated_at=_integration.updated_at)
        .returning(_integration)
        .execution_options(synchronize_session=False, populate_existing=True)
    ).one_or_none()
    return None if taken is None else Lease(now + LEASE, taken)


def may_call(org_id: uuid.UUID, now: datetime) -> bool:
    """Whether the org's integration is connected and not paused."""
    return bool(
        db.session.scalar(select(exists().where(_integration.org_id == org_id, connected(now))))
    )
