"""Service accounts of an org: programs whose keys do not end with a person. Nothing here commits.

A service account is a user who cannot log in, with a role in one org. So its keys, its rights
and its place in the audit log are those of any member.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import contains_eager

from gitlab_links.accounts.api_keys import NewKey, create_key_for, keys_of
from gitlab_links.accounts.grants import check_grant, check_rank
from gitlab_links.accounts.members import revoke_all_keys
from gitlab_links.accounts.models import ApiKey, Membership, User
from gitlab_links.accounts.names import checked_name
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role, Scope
from gitlab_links.audit.changes import Action, write_audit_event
from gitlab_links.errors import required
from gitlab_links.extensions import change_rows, db
from gitlab_links.paging import Position, paged
from gitlab_links.storage.database import new_id

# A name that no mail server has (RFC 2606), so that nobody can claim the address.
NOWHERE = "service-account.invalid"


@dataclass(frozen=True, slots=True)
class ServiceAccountView:
    """A service account; ``id`` is the user's, which the audit log names."""

    id: uuid.UUID
    name: str
    role: Role
    created_at: datetime


def service_accounts_page(
    org_id: uuid.UUID, *, after: Position | None = None, limit: int | None = None
) -> Sequence[ServiceAccountView]:
    """The org's service accounts, oldest first."""
    statement = paged(_joined(org_id), User.id, after=after, limit=limit)
    return [_view(membership) for membership in db.session.scalars(statement)]


def find_service_account(org_id: uuid.UUID, account_id: uuid.UUID) -> ServiceAccountView:
    """One service account; raises :class:`NotFound`, also for another org's and for people."""
    return _view(_find(org_id, account_id))


def lock_service_account(account_id: uuid.UUID) -> None:
    """Lock the account and its role until the commit, in the order in which a change writes."""
    account = select(User.id).where(User.id == account_id)
    role = select(Membership.id).where(Membership.user_id == account_id)
    for locked in (account, role):
        db.session.execute(locked.with_for_update())


def keys_by_account(
    org_id: uuid.UUID, account_ids: Collection[uuid.UUID]
) -> Mapping[uuid.UUID, Sequence[ApiKey]]:
    """The keys in force of these accounts, oldest first."""
    found: dict[uuid.UUID, list[ApiKey]] = {account_id: [] for account_id in account_ids}
    for key in keys_of(org_id, account_ids):
        found[key.user_id].append(key)
    return found


def create_service_account(principal: Principal, name: str, role: Role) -> ServiceAccountView:
    """Create an account without a key.

    Raises :class:`Invalid` for the name, :class:`Forbidden` for a role above the caller's own,
    and for a key :class:`InsufficientScope` and :class:`AdminByKey`, as for a member.
    """
    check_grant(principal, role)
    account_id = new_id()
    user = User(
        id=account_id,
        email=f"{account_id}@{NOWHERE}",
        name=checked_name(name),
        service_of_id=principal.org_id,
    )
    membership = Membership(org_id=principal.org_id, user=user, role=role.value)
    db.session.add(membership)
    db.session.flush()
    _audit(principal, Action.SERVICE_ACCOUNT_CREATED, membership)
    return _view(membership)


def change_service_account(
    principal: Principal,
    account_id: uuid.UUID,
    *,
    name: str | None = None,
    role: Role | None = None,
) -> ServiceAccountView:
    """Change name or role; None leaves a value as it is. Its keys have the new role at once.

    Raises :class:`NotFound` and what :func:`create_service_account` raises.
    """
    membership = _find(principal.org_id, account_id)
    before = _view(membership)
    if role is not None:
        check_rank(principal, before.role)
        check_grant(principal, role, before.role)
        membership.role = role.value
    if name is not None:
        membership.user.name = checked_name(name)
    if _view(membership) != before:
        _audit(principal, Action.SERVICE_ACCOUNT_CHANGED, membership)
    return _view(membership)


def delete_service_account(principal: Principal, account_id: uuid.UUID) -> None:
    """End the account and revoke its keys; its name stays in the audit log."""
    membership = _find(principal.org_id, account_id)
    check_rank(principal, membership.as_role)
    _audit(principal, Action.SERVICE_ACCOUNT_DELETED, membership)
    revoke_all_keys(principal.org_id, account_id)
    change_rows(delete(Membership).where(Membership.id == membership.id))


def create_service_key(
    principal: Principal,
    account_id: uuid.UUID,
    name: str,
    scopes: Iterable[Scope],
    expires_in_days: int | None,
) -> NewKey:
    """Create a key of the account, under the rules of keys of one's own.

    Raises :class:`NotFound`, :class:`Invalid`, :class:`InsufficientScope`, and
    :class:`Forbidden` if the account has a role above the caller's own.
    """
    check_rank(principal, _find(principal.org_id, account_id).as_role)
    return create_key_for(principal, account_id, name, scopes, expires_in_days)


def _joined(org_id: uuid.UUID) -> Select[Membership]:
    return (
        select(Membership)
        .join(Membership.user)
        .options(contains_eager(Membership.user))
        .where(Membership.org_id == org_id, User.service_of_id == org_id)
    )


def _find(org_id: uuid.UUID, account_id: uuid.UUID) -> Membership:
    ours = _joined(org_id).where(User.id == account_id)
    return required(db.session.scalars(ours).one_or_none())


def _view(membership: Membership) -> ServiceAccountView:
    user = membership.user
    return ServiceAccountView(user.id, user.name, membership.as_role, user.created_at)


def _audit(principal: Principal, action: Action, membership: Membership) -> None:
    detail = {"name": membership.user.name, "role": membership.role}
    write_audit_event(principal.org_id, principal.actor, action, membership.user.id, detail)
