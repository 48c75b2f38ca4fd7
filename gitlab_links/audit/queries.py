"""Reading the audit log, newest first."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from gitlab_links.audit.changes import Action
from gitlab_links.audit.models import AuditEvent
from gitlab_links.errors import required
from gitlab_links.extensions import db
from gitlab_links.paging import Position, paged


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which events to return; None does not filter."""

    action: Action | None = None
    actor_user_id: uuid.UUID | None = None
    target_id: str | None = None


def audit_page(
    org_id: uuid.UUID,
    wanted: AuditFilter,
    *,
    after: Position | None = None,
    limit: int | None = None,
) -> Sequence[AuditEvent]:
    """The org's audit events, newest first, starting behind ``after``."""
    statement = select(AuditEvent).where(AuditEvent.org_id == org_id)
    for field in AuditFilter.__slots__:
        value = getattr(wanted, field)
        if value is not None:
            statement = statement.where(getattr(AuditEvent, field) == value)
    statement = paged(statement, AuditEvent.id, descending=True, after=after, limit=limit)
    return db.session.scalars(statement).all()


def find_audit_event(org_id: uuid.UUID, event_id: uuid.UUID) -> AuditEvent:
    """One audit event; raises :class:`NotFound`, also for another org's."""
    ours = select(AuditEvent).where(AuditEvent.org_id == org_id, AuditEvent.id == event_id)
    return required(db.session.scalars(ours).one_or_none())
