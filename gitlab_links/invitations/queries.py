"""Reading invitations."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.errors import required
from gitlab_links.extensions import db
from gitlab_links.invitations.models import Invitation
from gitlab_links.paging import Position, paged


class InvitationStatus(StrEnum):
    """Where an invitation is: its mail is waiting, was sent or failed, or the link was shown to
    be handed over; or it has expired.
    """

    WAITING = "waiting"
    MAILED = "mailed"
    FAILED = "failed"
    HANDED_OVER = "handed_over"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class InvitationView:
    """An invitation as pages and API show it."""

    id: uuid.UUID
    email: str
    name: str
    role: Role
    status: InvitationStatus
    mail_error: str | None
    invited_by: str | None
    created_at: datetime
    expires_at: datetime


def invitations_page(
    org_id: uuid.UUID, *, after: Position | None = None, limit: int | None = None
) -> Sequence[InvitationView]:
    """The org's invitations that nobody has accepted, oldest first."""
    statement = paged(_ours(org_id), Invitation.id, after=after, limit=limit)
    return [view_of(invitation) for invitation in db.session.scalars(statement)]


def find_invitation(org_id: uuid.UUID, invitation_id: uuid.UUID) -> InvitationView:
    """One invitation; raises :class:`NotFound`, also for another org's."""
    return view_of(find_row(org_id, invitation_id))


def find_row(org_id: uuid.UUID, invitation_id: uuid.UUID) -> Invitation:
    """Its row, to be changed; raises :class:`NotFound`."""
    ours = _ours(org_id).where(Invitation.id == invitation_id)
    return required(db.session.scalars(ours).one_or_none())


def view_of(invitation: Invitation) -> InvitationView:
    """The row as pages and API show it."""
    by = invitation.invited_by
    return InvitationView(
        id=invitation.id,
        email=invitation.email,
        name=invitation.name,
        role=invitation.as_role,
        status=_status(invitation),
        mail_error=invitation.mail_error,
        invited_by=by.name if by else None,
        created_at=invitation.created_at,
        expires_at=invitation.expires_at,
    )


def _ours(org_id: uuid.UUID) -> Select[Invitation]:
    # Read anew: a worker changes these rows, and resending changes who invites.
    return (
        select(Invitation)
        .options(joinedload(Invitation.invited_by))
        .where(Invitation.org_id == org_id)
        .execution_options(populate_existing=True)
    )


def _status(invitation: Invitation) -> InvitationStatus:
    if invitation.expires_at <= utcnow():
        return InvitationStatus.EXPIRED
    if invitation.mailed_at is not None:
        return InvitationStatus.MAILED
    if invitation.mail_error is not None:
        return InvitationStatus.FAILED
    if invitation.mail_due_at is not None:
        return InvitationStatus.WAITING
    return InvitationStatus.HANDED_OVER
