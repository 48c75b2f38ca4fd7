"""The first admin of an org, set up by the operator. Nothing here commits."""

import uuid
from dataclasses import dataclass

from sqlalchemy import select

from gitlab_links.accounts.api_keys import issue_key
from gitlab_links.accounts.models import Membership, Org, User
from gitlab_links.accounts.orgs import create_org
from gitlab_links.accounts.roles import Role, Scope
from gitlab_links.accounts.sessions import set_password
from gitlab_links.audit.operations import OPERATOR, Action, write_audit_event
from gitlab_links.extensions import db
from gitlab_links.security import password_matches

KEY_NAME = "bootstrap"


@dataclass(frozen=True, slots=True)
class Bootstrapped:
    """What stands now, and a key that is shown this once."""

    org_id: uuid.UUID
    user_id: uuid.UUID
    email: str
    api_key: str


def bootstrap(email: str, password: str, org_name: str, person_name: str = "") -> Bootstrapped:
    """See to it that the org exists and the person is its admin and can log in.

    May be run again: nothing is made twice. The password is set as given, and each run
    hands out a fresh API key with all scopes. Raises :class:`Invalid` for a bad password.
    """
    email = email.strip().lower()
    org = _org_of(email, org_name) or create_org(org_name)
    user = db.session.scalars(select(User).where(User.email == email)).one_or_none()
    if user is None:
        user = User(email=email, name=person_name or email.partition("@")[0])
        db.session.add(user)
        db.session.flush()
    if not password_matches(password, user.password_hash):
        set_password(user, password)
    _make_admin(org, user)
    new = issue_key(org.id, user.id, KEY_NAME, Scope)
    write_audit_event(
        org.id,
        OPERATOR,
        Action.API_KEY_CREATED,
        target_type="api_key",
        target_id=new.key.id,
        detail={"name": new.key.name, "scopes": new.key.scopes},
    )
    return Bootstrapped(org.id, user.id, email, new.secret)


def _org_of(email: str, org_name: str) -> Org | None:
    """The person's org of that name, else an org of that name, else None."""
    named = select(Org).where(Org.name == org_name).order_by(Org.id).limit(1)
    own = (
        named.join(Membership, Membership.org_id == Org.id)
        .join(User, User.id == Membership.user_id)
        .where(User.email == email)
    )
    return db.session.scalars(own).one_or_none() or db.session.scalars(named).one_or_none()


def _make_admin(org: Org, user: User) -> None:
    membership = db.session.scalars(
        select(Membership).where(Membership.org_id == org.id, Membership.user_id == user.id)
    ).one_or_none()
    if membership is not None and membership.as_role is Role.ADMIN:
        return
    if membership is None:
        membership = Membership(org_id=org.id, user_id=user.id)
        db.session.add(membership)
    membership.role = Role.ADMIN.value
    db.session.flush()
    write_audit_event(
        org.id,
        OPERATOR,
        Action.MEMBER_ADDED,
        target_type="member",
        target_id=membership.id,
        detail={"email": user.email, "role": Role.ADMIN.value},
    )
