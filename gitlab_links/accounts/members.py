"""The members of an org and their roles. Nothing here commits."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, bindparam, delete, func, select, update
from sqlalchemy.orm import contains_eager

from gitlab_links.accounts.grants import check_grant, check_rank
from gitlab_links.accounts.models import ApiKey, Membership, User
from gitlab_links.accounts.orgs import lock_org
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.audit.changes import Action, write_audit_event
from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict, PreconditionFailed, required
from gitlab_links.extensions import change_rows, db
from gitlab_links.paging import Position, paged


class MemberExists(Conflict, code="member_exists"):
    """The person is a member already."""


class RoleChangedMeanwhile(PreconditionFailed, code="changed_meanwhile"):
    """The role has changed since the caller read it (412)."""


class LastAdmin(Conflict, code="last_admin"):
    """The change would leave the org without an admin."""


@dataclass(frozen=True, slots=True)
class MemberView:
    """A membership as pages and API show it; ``id`` is the membership's.

    For a person who was added before there were invitations, and has not opened the org yet, it
    shows the name given by the org and no ``user_id``: it does not reveal whether there was an
    account before.
    """

    id: uuid.UUID
    user_id: uuid.UUID | None
    email: str
    name: str
    role: Role
    created_at: datetime


_STANDING = select(Membership.role, Membership.pending_name).where(
    Membership.org_id == bindparam("org_id"), Membership.user_id == bindparam("user_id")
)


@dataclass(frozen=True, slots=True)
class Standing:
    """A user's role in an org, and whether they open it for the first time."""

    role: Role
    is_new: bool

    @classmethod
    def of(cls, role: str | None, pending_name: str | None) -> "Standing | None":
        """The standing by the columns of a membership; None without one."""
        return None if role is None else cls(Role(role), pending_name is not None)


def standing_in_org(org_id: uuid.UUID, user_id: uuid.UUID) -> Standing | None:
    """The user's role; None for non-members. One indexed SELECT."""
    row = db.session.execute(_STANDING, {"org_id": org_id, "user_id": user_id}).one_or_none()
    return None if row is None else Standing.of(row.role, row.pending_name)


def mark_member_arrived(org_id: uuid.UUID, user_id: uuid.UUID) -> None:
    """Save that the person has opened the org: from now on it sees their own name."""
    change_rows(
        update(Membership)
        .where(Membership.org_id == org_id, Membership.user_id == user_id)
        .values(pending_name=None)
    )


def members_page(
    org_id: uuid.UUID, *, after: Position | None = None, limit: int | None = None
) -> Sequence[MemberView]:
    """Members in the order they joined, starting behind ``after``."""
    statement = paged(_joined(org_id), Membership.id, after=after, limit=limit)
    return [_view(membership) for membership in db.session.scalars(statement)]


def find_member(org_id: uuid.UUID, member_id: uuid.UUID) -> MemberView:
    """One member; raises :class:`NotFound`, also for another org's."""
    return _view(_find(org_id, member_id))


def lock_own_membership(principal: Principal) -> uuid.UUID:
    """Lock the caller's membership until the commit; returns its id. Raises :class:`NotFound`."""
    mine = select(Membership.id).where(
        Membership.org_id == principal.org_id, Membership.user_id == principal.user_id
    )
    return required(db.session.scalar(mine.with_for_update()))


def change_role(
    principal: Principal, member_id: uuid.UUID, role: Role, *, seen: Role | None = None
) -> MemberView:
    """Change a member's role, if it is still the one that the caller has ``seen``.

    Raises :class:`NotFound`, :class:`RoleChangedMeanwhile`, :class:`LastAdmin`,
    :class:`InsufficientScope` for a key without the scopes of what the role adds,
    :class:`AdminByKey` for a key that would make an admin, and :class:`Forbidden` for a role
    above the caller's own.
    """
    check_rank(principal, role)
    lock_org(principal.org_id)  # two admins cannot remove each other at once
    membership = _find(principal.org_id, member_id)
    before = membership.as_role
    if seen not in {None, before, role}:
        raise RoleChangedMeanwhile("Somebody else has changed this role since you read it.")
    check_grant(principal, role, before)
    if role is not Role.ADMIN:
        keep_an_admin(membership)
    membership.role = role.value
    view = _view(membership)
    if role is not before:
        _audit(principal, Action.MEMBER_CHANGED, view, role=role.value, before=before.value)
    return view


def leave_org(principal: Principal) -> None:
    """End the caller's own membership; raises :class:`LastAdmin`."""
    own = select(Membership.id).where(
        Membership.org_id == principal.org_id, Membership.user_id == principal.user_id
    )
    remove_member(principal, required(db.session.scalar(own)), Action.MEMBER_LEFT)


def remove_member(
    principal: Principal, member_id: uuid.UUID, action: Action = Action.MEMBER_REMOVED
) -> None:
    """Delete a membership, and revoke the person's API keys of this org.

    Raises :class:`NotFound` and :class:`LastAdmin`.
    """
    lock_org(principal.org_id)  # two admins cannot remove each other at once
    membership = _find(principal.org_id, member_id)
    keep_an_admin(membership)
    revoke_all_keys(principal.org_id, membership.user_id)
    db.session.execute(delete(Membership).where(Membership.id == member_id))
    _audit(principal, action, _view(membership), role=membership.role)


def revoke_all_keys(org_id: uuid.UUID, user_id: uuid.UUID) -> None:
    """Revoke all keys that a user has in the org."""
    change_rows(
        update(ApiKey)
        .where(ApiKey.org_id == org_id, ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None))
        .values(revoked_at=utcnow())
    )


def _joined(org_id: uuid.UUID) -> Select[Membership]:
    return (
        select(Membership)
        .join(Membership.user)
        .options(contains_eager(Membership.user))
        .where(Membership.org_id == org_id, User.is_person)
    )


def _find(org_id: uuid.UUID, member_id: uuid.UUID) -> Membership:
    ours = _joined(org_id).where(Membership.id == member_id)
    return required(db.session.scalars(ours).one_or_none())


def _view(membership: Membership) -> MemberView:
    user, pending = membership.user, membership.pending_name
    return MemberView(
        id=membership.id,
        user_id=user.id if pending is None else None,
        email=user.email,
        name=user.name if pending is None else pending,
        role=membership.as_role,
        created_at=membership.created_at,
    )


def keep_an_admin(leaving: Membership) -> None:
    """Raise :class:`LastAdmin` if nobody else is an admin of the org."""
    if leaving.as_role is not Role.ADMIN:
        return
    others = (
        select(func.count())
        .join(Membership.user)
        .where(
            Membership.org_id == leaving.org_id,
            Membership.role == Role.ADMIN.value,
            Membership.id != leaving.id,
            User.is_person,
        )
    )
    if not db.session.scalar(others):
        raise LastAdmin("An org needs an admin. First make another member an admin.")


def _audit(principal: Principal, action: Action, member: MemberView, **detail: str) -> None:
    write_audit_event(
        principal.org_id, principal.actor, action, member.id, {"email": member.email, **detail}
    )
