"""Accepting an invitation, once, by the person who has its link. Nothing here commits."""

import uuid
from dataclasses import dataclass

from sqlalchemy import delete, select

from gitlab_links.accounts.key_logins import is_in_force
from gitlab_links.accounts.mailed_links import confirm_address, find_link, link_token_hash
from gitlab_links.accounts.models import Membership, Org, User
from gitlab_links.accounts.operators import refuse_new_operator
from gitlab_links.accounts.people import checked_person
from gitlab_links.accounts.roles import Role
from gitlab_links.accounts.sessions import may_use_password, set_password
from gitlab_links.audit.changes import Action, Actor, write_audit_event
from gitlab_links.clock import utcnow
from gitlab_links.errors import Forbidden, Invalid, NotFound
from gitlab_links.extensions import change_rows, db
from gitlab_links.invitations.models import Invitation
from gitlab_links.storage.database import insert_unless_exists


class InvitationEnded(NotFound, code="invitation_ended"):
    """The link is unknown, used, replaced, revoked or expired: one answer for all (404)."""

    def __init__(self) -> None:
        super().__init__("This invitation is no longer valid.")


class InvitedSomebodyElse(Forbidden, code="invited_somebody_else"):
    """The person logged in has another address than the one invited."""


class AddressTaken(Invalid, code="address_taken"):
    """The address has an account, which a new password does not open."""


@dataclass(frozen=True, slots=True)
class OpenInvitation:
    """What the holder of a valid link may know. ``proven``: the link came by mail only."""

    id: uuid.UUID
    org_id: uuid.UUID
    org_name: str
    email: str
    name: str
    role: Role
    proven: bool


def open_invitation(token: str) -> OpenInvitation:
    """The invitation of a link; raises :class:`InvitationEnded`."""
    found = find_link(Invitation, token)
    if found is None or not _key_is_in_force(found.invited_with_id):
        raise InvitationEnded
    org = db.session.get_one(Org, found.org_id)
    return OpenInvitation(
        id=found.id,
        org_id=found.org_id,
        org_name=org.name,
        email=found.email,
        name=found.name,
        role=found.as_role,
        proven=found.mailed_at is not None,
    )


def accept(token: str, user_id: uuid.UUID) -> uuid.UUID:
    """Make the person logged in a member; returns the org.

    Raises :class:`InvitationEnded`, and :class:`InvitedSomebodyElse` unless the invitation is
    for their address.
    """
    invitation = open_invitation(token)
    user = db.session.get_one(User, user_id)
    if user.email != invitation.email:
        raise InvitedSomebodyElse(f"This invitation is for {invitation.email}.")
    join_org(invitation, token, user)
    return invitation.org_id


def register(token: str, name: str, password: str) -> uuid.UUID:
    """Create an account for the invited address, and make it a member; returns the account.

    Raises :class:`InvitationEnded`, :class:`Invalid` with the field at fault,
    :class:`AddressTaken`, and :class:`Forbidden` for the address of an operator unless the link
    came by mail.
    """
    invitation = open_invitation(token)
    if not may_use_password(invitation.email):
        raise Forbidden("The operator has switched logging in with passwords off.")
    user = new_account(invitation, name)
    set_password(user, password)
    join_org(invitation, token, user)
    return user.id


def new_account(invitation: OpenInvitation, name: str, *, proven: bool = False) -> User:
    """An account for the invited address, without a way to log in yet.

    ``proven``: something else than the link has shown that the person reads its mailbox. Raises
    :class:`Invalid`, :class:`AddressTaken` and :class:`Forbidden` as :func:`register` does.
    """
    email, name = checked_person(invitation.email, name)
    if not (invitation.proven or proven):
        refuse_new_operator(email)
    user_id = insert_unless_exists(
        db.session, User, {"email": email, "name": name, "created_at": utcnow()}, "email"
    )
    if user_id is None:
        raise AddressTaken(
            "This address has an account here already. Log in with it to accept the invitation.",
            errors={"password": ["This address has an account already. Log in with it."]},
        )
    return db.session.scalars(select(User).where(User.id == user_id)).one()


def join_org(invitation: OpenInvitation, token: str, user: User) -> None:
    """Use the link up, and make the account a member; raises :class:`InvitationEnded`."""
    used = change_rows(
        delete(Invitation).where(
            Invitation.id == invitation.id, Invitation.token_hash == link_token_hash(token)
        )
    )
    if not used:
        raise InvitationEnded  # used or replaced meanwhile
    if invitation.proven:
        confirm_address(user)
    membership = {
        "org_id": invitation.org_id,
        "user_id": user.id,
        "role": invitation.role.value,
        "created_at": utcnow(),
    }
    member_id = insert_unless_exists(db.session, Membership, membership, "org_id", "user_id")
    if member_id is None:
        return  # a member already keeps their role
    detail = {"email": user.email, "role": invitation.role.value}
    actor = Actor(user.id)
    write_audit_event(invitation.org_id, actor, Action.MEMBER_ADDED, member_id, detail)


def _key_is_in_force(key_id: uuid.UUID | None) -> bool:
    """An invitation made with an API key ends with it."""
    return key_id is None or is_in_force(key_id, utcnow())
