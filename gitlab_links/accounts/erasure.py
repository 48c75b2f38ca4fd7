"""Erasing a person: the account goes, the audit log keeps what happened without the name.

Nothing here commits.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, func, select

from gitlab_links.accounts.members import LastAdmin, keep_an_admin
from gitlab_links.accounts.models import Membership, Org, User
from gitlab_links.accounts.orgs import lock_org
from gitlab_links.accounts.roles import Role
from gitlab_links.audit.changes import Action, Actor, write_audit_event
from gitlab_links.audit.models import AuditEvent
from gitlab_links.errors import NotFound
from gitlab_links.extensions import change_rows, db

ERASED = "erased"


def erase_person(user: User, actor: Actor) -> None:
    """Delete the account with its memberships, keys and sessions, and its address in audit logs.

    Audited in each of the person's orgs, without the name. Raises :class:`LastAdmin` if an org
    would be left without an admin, which it names.
    """
    memberships = db.session.scalars(
        select(Membership).where(Membership.user_id == user.id).order_by(Membership.org_id)
    ).all()
    for membership in memberships:
        lock_org(membership.org_id)
    _keep_admins(memberships)
    for membership in memberships:
        detail = {"role": membership.role}
        write_audit_event(membership.org_id, actor, Action.PERSON_ERASED, user.id, detail)
    db.session.flush()
    _erase_from_log(user)
    # The rows of the log lose their actor with the account.
    change_rows(delete(User).where(User.id == user.id))


def _keep_admins(memberships: Sequence[Membership]) -> None:
    needing = []
    for membership in memberships:
        try:
            keep_an_admin(membership)
        except LastAdmin:
            needing.append(db.session.get_one(Org, membership.org_id).name)
    if needing:
        orgs = ", ".join(sorted(needing, key=str.lower))
        has = "has" if len(needing) == 1 else "have"
        raise LastAdmin(f"{orgs} {has} no other admin. First make another member an admin there.")


def orgs_of_person(user: User) -> Mapping[str, Role]:
    """The person's roles by the names of the orgs, in their order."""
    rows = db.session.execute(
        select(Org.name, Membership.role)
        .join(Membership, Membership.org_id == Org.id)
        .where(Membership.user_id == user.id)
        .order_by(func.lower(Org.name))
    )
    return {row.name: Role(row.role) for row in rows}


def _erase_from_log(user: User) -> None:
    addresses = {user.email, *former_addresses(user)}
    named = select(AuditEvent).where(AuditEvent.detail["email"].as_string().in_(addresses))
    for event in db.session.scalars(named):
        event.detail = {
            name: ERASED if name in {"email", "name"} or value in addresses else value
            for name, value in event.detail.items()
        }
    db.session.flush()


def former_addresses(user: User) -> set[str]:
    """The addresses that the account had before, by the audit log."""
    changed = select(AuditEvent.detail["before"].as_string()).where(
        AuditEvent.action == Action.ADDRESS_CHANGED.value, AuditEvent.target_id == str(user.id)
    )
    return {address for address in db.session.scalars(changed) if address}


def find_person_to_erase(email: str) -> User:
    """The account with this address; raises :class:`NotFound`. Not for service accounts."""
    found = select(User).where(User.email == email.strip().lower(), User.is_person)
    user = db.session.scalars(found).one_or_none()
    if user is None:
        raise NotFound(f"No person has an account with the address {email.strip()}.")
    return user
