"""Erasing a person: the account goes, the audit log keeps what happened without the name.

Nothing here commits.
"""

from sqlalchemy import delete, select

from gitlab_links.accounts.members import keep_an_admin
from gitlab_links.accounts.models import Membership, User
from gitlab_links.accounts.orgs import lock_org
from gitlab_links.audit.changes import Action, Actor, write_audit_event
from gitlab_links.audit.models import AuditEvent
from gitlab_links.errors import required
from gitlab_links.extensions import change_rows, db

ERASED = "erased"


def erase_person(user: User, actor: Actor) -> None:
    """Delete the account with its memberships, keys and sessions, and its address in audit logs.

    Audited in each of the person's orgs, without the name. Raises :class:`LastAdmin` if an org
    would be left without an admin.
    """
    memberships = db.session.scalars(
        select(Membership).where(Membership.user_id == user.id).order_by(Membership.org_id)
    ).all()
    for membership in memberships:
        lock_org(membership.org_id)
        keep_an_admin(membership)
        detail = {"role": membership.role}
        write_audit_event(membership.org_id, actor, Action.PERSON_ERASED, user.id, detail)
    db.session.flush()
    _erase_from_log(user)
    # The rows of the log lose their actor with the account.
    change_rows(delete(User).where(User.id == user.id))


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
    return required(db.session.scalars(found).one_or_none())
