"""Who belongs to an org and as what. Nothing here commits."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, bindparam, delete, func, select, update
from sqlalchemy.orm import contains_eager

from gitlab_links.accounts.models import ApiKey, Membership, Org, User
from gitlab_links.accounts.operators import keep_for_operators
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.audit.operations import Action, write_audit_event
from gitlab_links.clock import utcnow
from gitlab_links.db import insert_unless_exists
from gitlab_links.errors import Conflict, Forbidden, NotFound
from gitlab_links.extensions import db
from gitlab_links.paging import Position, paged
from gitlab_links.security import hash_password, new_secret


class MemberExists(Conflict):
    """The person is a member already."""

    code = "member_exists"


class LastAdmin(Conflict):
    """An org keeps at least one admin."""

    code = "last_admin"


@dataclass(frozen=True, slots=True)
class MemberView:
    """A membership as pages and API show it; ``id`` is the membership's."""

    id: uuid.UUID
    user_id: uuid.UUID
    email: str
    name: str
    role: Role
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AddedMember:
    """A new member; ``initial_password`` is set, this once, for a person who is new here."""

    member: MemberView
    initial_password: str | None


_RANK = {Role.ADMIN: 3, Role.PM: 2, Role.MEMBER: 1, Role.CLIENT: 0}


_ROLE = select(Membership.role).where(
    Membership.org_id == bindparam("org_id"), Membership.user_id == bindparam("user_id")
)


def role_in_org(org_id: uuid.UUID, user_id: uuid.UUID) -> Role | None:
    """The user's role, None for strangers and leavers. One indexed SELECT."""
    role = db.session.scalar(_ROLE, {"org_id": org_id, "user_id": user_id})
    return None if role is None else Role(role)


def members_page(
    org_id: uuid.UUID, *, after: Position | None = None, limit: int | None = None
) -> Sequence[MemberView]:
    """Members in the order they joined, from behind ``after``."""
    statement = paged(_joined(org_id), Membership.id, after=after, limit=limit)
    return [_view(membership) for membership in db.session.scalars(statement)]


def find_member(org_id: uuid.UUID, member_id: uuid.UUID) -> MemberView:
    """One member; raises :class:`NotFound`, also for another org's."""
    return _view(_find(org_id, member_id))


def lock_member(member_id: uuid.UUID) -> None:
    """Nobody else changes the membership until the commit."""
    db.session.execute(select(Membership.id).where(Membership.id == member_id).with_for_update())


def add_member(principal: Principal, email: str, name: str, role: Role) -> AddedMember:
    """Make the person with this e-mail address a member.

    A person unknown so far gets an account and a password that is told once. Raises
    :class:`MemberExists`, and :class:`Forbidden` for a role above the caller's own and for
    an operator without an account.
    """
    _check_rank(principal, role)
    keep_for_operators(email.lower())
    user, initial_password = _person(email.lower(), name)
    member_id = insert_unless_exists(
        db.session,
        Membership,
        {
            "org_id": principal.org_id,
            "user_id": user.id,
            "role": role.value,
            "created_at": utcnow(),
        },
        "org_id",
        "user_id",
    )
    if member_id is None:
        raise MemberExists("This person is a member of the org already.")
    member = find_member(principal.org_id, member_id)
    _audit(principal, Action.MEMBER_ADDED, member, role=role.value)
    return AddedMember(member, initial_password)


def _person(email: str, name: str) -> tuple[User, str | None]:
    """Whoever has the address, and the password of one who is new here."""
    password = new_secret()
    user_id = insert_unless_exists(
        db.session,
        User,
        {
            "email": email,
            "name": name,
            "password_hash": hash_password(password),
            "created_at": utcnow(),
        },
        "email",
    )
    user = db.session.scalars(select(User).where(User.email == email)).one()
    return user, None if user_id is None else password


def change_role(principal: Principal, member_id: uuid.UUID, role: Role) -> MemberView:
    """Give a member another role.

    Raises :class:`NotFound`, :class:`LastAdmin`, and :class:`Forbidden` for a role above
    the caller's own.
    """
    _check_rank(principal, role)
    _lock_members(principal.org_id)
    membership = _find(principal.org_id, member_id)
    before = membership.as_role
    if role is not Role.ADMIN:
        _keep_an_admin(membership)
    membership.role = role.value
    view = _view(membership)
    if role is not before:
        _audit(principal, Action.MEMBER_CHANGED, view, role=role.value, before=before.value)
    return view


def remove_member(principal: Principal, member_id: uuid.UUID) -> None:
    """End a membership; the leaver's API keys of this org end with it, for good.

    Raises :class:`NotFound` and :class:`LastAdmin`.
    """
    _lock_members(principal.org_id)
    membership = _find(principal.org_id, member_id)
    _keep_an_admin(membership)
    db.session.execute(
        update(ApiKey)
        .where(
            ApiKey.org_id == principal.org_id,
            ApiKey.user_id == membership.user_id,
            ApiKey.revoked_at.is_(None),
        )
        .values(revoked_at=utcnow())
    )
    db.session.execute(delete(Membership).where(Membership.id == member_id))
    _audit(principal, Action.MEMBER_REMOVED, _view(membership), role=membership.role)


def _joined(org_id: uuid.UUID) -> Select[Membership]:
    return (
        select(Membership)
        .join(Membership.user)
        .options(contains_eager(Membership.user))
        .where(Membership.org_id == org_id)
    )


def _find(org_id: uuid.UUID, member_id: uuid.UUID) -> Membership:
    found = db.session.scalars(_joined(org_id).where(Membership.id == member_id)).one_or_none()
    if found is None:
        raise NotFound
    return found


def _view(membership: Membership) -> MemberView:
    user = membership.user
    return MemberView(
        membership.id, user.id, user.email, user.name, membership.as_role, membership.created_at
    )


def _check_rank(principal: Principal, role: Role) -> None:
    if _RANK[role] > _RANK[principal.role]:
        raise Forbidden(f"You cannot give the role '{role}': yours is '{principal.role}'.")


def _lock_members(org_id: uuid.UUID) -> None:
    """One change of admins at a time: two admins cannot remove each other at once."""
    db.session.execute(select(Org.id).where(Org.id == org_id).with_for_update())


def _keep_an_admin(leaving: Membership) -> None:
    if leaving.as_role is not Role.ADMIN:
        return
    others = select(func.count()).where(
        Membership.org_id == leaving.org_id,
        Membership.role == Role.ADMIN.value,
        Membership.id != leaving.id,
    )
    if not db.session.scalar(others):
        raise LastAdmin("An org needs an admin: make another member one first.")


def _audit(principal: Principal, action: Action, member: MemberView, **detail: str) -> None:
    write_audit_event(
        principal.org_id,
        principal.actor,
        action,
        target_type="member",
        target_id=member.id,
        detail={"email": member.email, **detail},
    )
