"""Inviting people to an org, sending an invitation again, revoking it. Nothing here commits.

Nothing depends on whether the address has an account: neither what is answered nor how long
it takes.
"""

import uuid
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Exists, delete, exists, select

from gitlab_links.accounts.grants import check_grant
from gitlab_links.accounts.mailed_links import start_link
from gitlab_links.accounts.members import MemberExists
from gitlab_links.accounts.models import Membership, User
from gitlab_links.accounts.people import checked_person
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.accounts.throttle import count_use
from gitlab_links.audit.changes import Action, write_audit_event
from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict, RateLimited
from gitlab_links.extensions import db, settings
from gitlab_links.invitations.models import Invitation
from gitlab_links.invitations.queries import InvitationView, find_row, view_of
from gitlab_links.storage.database import insert_unless_exists

LASTS = timedelta(days=7)
# An org must not send mail to half the world from the operator's address.
MAILS_A_DAY, DAY_SECONDS = 200, 86_400


class AlreadyInvited(Conflict, code="already_invited"):
    """The address has an invitation to the org that is still valid."""


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation. ``link`` can be shown only now; it is None if the link is mailed."""

    invitation: InvitationView
    link: str | None


def invite(principal: Principal, email: str, name: str, role: Role) -> Invited:
    """Invite the person with this e-mail address; they become a member when they accept.

    Raises :class:`Invalid`, :class:`MemberExists`, :class:`AlreadyInvited`,
    :class:`RateLimited`, :class:`InsufficientScope` for a key without the scopes of the role,
    :class:`AdminByKey` for a key that would make an admin, and :class:`Forbidden` for a role
    above the caller's own.
    """
    check_grant(principal, role)
    email, name = checked_person(email, name)
    if db.session.scalar(select(_is_member(principal.org_id, email))):
        raise MemberExists("This person is a member of the org already.")
    invitation = _row_for(principal.org_id, email, name, role)
    return _start(principal, invitation, Action.INVITATION_CREATED)


def _row_for(org_id: uuid.UUID, email: str, name: str, role: Role) -> Invitation:
    """The row of a new invitation, or of one that has expired."""
    now = utcnow()
    new = {"name": name, "role": role.value, "created_at": now, "expires_at": now}
    address = {"org_id": org_id, "email": email, "mail_attempts": 0}
    is_new = insert_unless_exists(db.session, Invitation, {**address, **new}, "org_id", "email")
    ours = select(Invitation).where(Invitation.org_id == org_id, Invitation.email == email)
    found = db.session.scalars(ours.with_for_update()).one()
    if is_new is None and found.expires_at > now:
        raise AlreadyInvited("This address has been invited already. Send the invitation again.")
    found.name, found.role = name, role.value
    return found


def resend(principal: Principal, invitation_id: uuid.UUID) -> Invited:
    """Start the invitation again with a new link; the earlier link is invalid at once.

    Raises what :func:`invite` does, and :class:`NotFound`.
    """
    invitation = find_row(principal.org_id, invitation_id)
    check_grant(principal, invitation.as_role)
    return _start(principal, invitation, Action.INVITATION_RESENT)


def lock_invitation(invitation_id: uuid.UUID) -> None:
    """Lock the invitation until the commit."""
    one = select(Invitation.id).where(Invitation.id == invitation_id)
    db.session.execute(one.with_for_update())


def revoke(principal: Principal, invitation_id: uuid.UUID) -> InvitationView:
    """End the invitation; raises :class:`NotFound`."""
    invitation = find_row(principal.org_id, invitation_id)
    view = view_of(invitation)
    db.session.execute(delete(Invitation).where(Invitation.id == invitation_id))
    _audit(principal, Action.INVITATION_REVOKED, view)
    return view


def _start(principal: Principal, invitation: Invitation, action: Action) -> Invited:
    quota = count_use(f"invitations:{principal.org_id}", MAILS_A_DAY, DAY_SECONDS)
    if quota.exceeded:
        raise RateLimited(
            f"An org can send {MAILS_A_DAY} invitations a day.", retry_after=quota.reset_seconds
        )
    invitation.invited_by_id = principal.user_id
    invitation.invited_with_id = principal.api_key_id
    token = start_link(invitation, LASTS)
    db.session.flush()
    view = view_of(find_row(principal.org_id, invitation.id))
    _audit(principal, action, view)
    return Invited(view, None if token is None else invitation_url(token))


def invitation_url(token: str) -> str:
    """The address of the page where an invitation is accepted."""
    return f"{settings().public_base_url}/invitations/{token}"


def _is_member(org_id: uuid.UUID, email: str) -> Exists:
    return exists().where(
        Membership.org_id == org_id, Membership.user_id == User.id, User.email == email
    )


def _audit(principal: Principal, action: Action, invitation: InvitationView) -> None:
    write_audit_event(
        principal.org_id,
        principal.actor,
        action,
        invitation.id,
        {"email": invitation.email, "role": invitation.role.value},
    )
