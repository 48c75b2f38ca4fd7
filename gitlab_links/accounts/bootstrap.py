"""The operator's command to create orgs and their admins. Nothing here commits.

Existing people and orgs change only with an explicit option: a mistyped name or address must
not add an admin to another org, or change another person's password.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from gitlab_links.accounts.api_keys import issue_key
from gitlab_links.accounts.models import Membership, Org, User
from gitlab_links.accounts.names import checked_name
from gitlab_links.accounts.orgs import create_org, locked_orgs_named
from gitlab_links.accounts.people import checked_person
from gitlab_links.accounts.roles import Role, Scope
from gitlab_links.accounts.sessions import reset_password, set_password
from gitlab_links.audit.changes import OPERATOR, Action, write_audit_event
from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict, Invalid, NotFound
from gitlab_links.extensions import db
from gitlab_links.installation import note_secret_key
from gitlab_links.mail import parse_mail_address

KEY_NAME = "bootstrap"


class AlreadyThere(Conflict, code="already_there"):
    """The command would change an existing person or org; the message names the option."""


@dataclass(frozen=True, slots=True)
class Consent:
    """Which existing people and orgs the operator allows a run to change."""

    org_id: uuid.UUID | None = None
    keep_password: bool = False
    reset_password: bool = False
    promote: bool = False
    with_key: bool = False


@dataclass(frozen=True, slots=True)
class Bootstrapped:
    """The result; ``api_key`` can be shown only now, and is None if none was created."""

    org_id: uuid.UUID
    org_name: str
    user_id: uuid.UUID
    email: str
    api_key: str | None


def bootstrap(
    email: str,
    password: str | None,
    org_name: str | None,
    person_name: str = "",
    consent: Consent | None = None,
) -> Bootstrapped:
    """Create an org with an admin who can log in, and an API key with all scopes.

    A new org needs ``org_name``, an existing one ``consent.org_id``; a new person needs a
    ``password``. An existing org gets a key only with ``consent.with_key``. Raises
    :class:`AlreadyThere` if a person or an org exists and ``consent`` does not allow a change,
    :class:`NotFound` for an unknown org, :class:`Invalid` for a bad address, name or password.
    """
    consent = consent or Consent()
    if db.session.scalar(select(Org.id).limit(1)) is None:
        note_secret_key()
    email = _read_email(email)
    user = _person(email, password, person_name, consent)
    org = _existing_org(consent.org_id) if consent.org_id else _own_org(user, org_name)
    is_new = org is None
    org = org or _new_org(org_name or "")
    _make_admin(org, user, promote=consent.promote)
    secret = _new_key(org, user) if is_new or consent.with_key else None
    return Bootstrapped(org.id, org.name, user.id, email, secret)


def refuse_known_person(email: str) -> None:
    """Raise :class:`AlreadyThere` for the address of an account, before a password is typed."""
    user = db.session.scalars(select(User).where(User.email == _read_email(email))).one_or_none()
    if user is not None:
        raise _has_account(user)


def find_person(email: str) -> User:
    """The account with this address; raises :class:`NotFound` and :class:`Invalid`."""
    user = db.session.scalars(select(User).where(User.email == _read_email(email))).one_or_none()
    if user is None:
        raise NotFound(f"There is no account with the address {email}.")
    return user


def _read_email(text: str) -> str:
    try:
        return parse_mail_address(text.strip().lower())
    except ValueError as error:
        raise Invalid(f"The e-mail address {error}.") from None


def _existing_org(org_id: uuid.UUID) -> Org:
    org = db.session.get(Org, org_id)
    if org is None:
        raise NotFound(f"There is no org with the id {org_id}.")
    return org


def _own_org(user: User, name: str | None) -> Org | None:
    """The org with this name if the person is its admin already: a repeated run changes nothing."""
    found = db.session.scalars(
        select(Org)
        .join(Membership, Membership.org_id == Org.id)
        .where(
            Org.name == name,
            Membership.user_id == user.id,
            Membership.role == Role.ADMIN.value,
        )
    ).all()
    return found[0] if len(found) == 1 else None


def _new_org(name: str) -> Org:
    name = checked_name(name)
    named = locked_orgs_named(name)
    if named:
        ids = " or ".join(f"--org-id {org_id}" for org_id in named)
        raise AlreadyThere(
            f"An org named {name!r} exists. To make the person its admin, use {ids} instead of "
            "--org. First make sure that it is the org you mean: its admins can rename it."
        )
    org = create_org(name)
    write_audit_event(org.id, OPERATOR, Action.ORG_CREATED, org.id, {"name": name})
    return org


def _person(email: str, password: str | None, name: str, consent: Consent) -> User:
    user = db.session.scalars(select(User).where(User.email == email)).one_or_none()
    if user is None:
        return _new_person(email, password, name)
    if consent.reset_password and password is not None:
        reset_password(user, password, OPERATOR)
    elif not consent.keep_password:
        raise _has_account(user)
    return user


def _has_account(user: User) -> AlreadyThere:
    return AlreadyThere(
        f"{user.email} has an account, in {_orgs_of(user)}. Add --keep-password to keep its "
        "password, or --reset-password to set the one given."
    )


def _new_person(email: str, password: str | None, name: str) -> User:
    if password is None:
        raise NotFound(f"{email} has no account. Give a password instead of --keep-password.")
    email, name = checked_person(email, name.strip() or email.partition("@")[0])
    user = User(email=email, name=name, email_confirmed_at=utcnow())
    db.session.add(user)
    db.session.flush()
    set_password(user, password)
    return user


def _orgs_of(user: User) -> str:
    names: Sequence[str] = db.session.scalars(
        select(Org.name)
        .join(Membership, Membership.org_id == Org.id)
        .where(Membership.user_id == user.id)
        .order_by(Org.name)
    ).all()
    return ", ".join(repr(name) for name in names) or "no org"


def _make_admin(org: Org, user: User, *, promote: bool) -> None:
    membership = db.session.scalars(
        select(Membership).where(Membership.org_id == org.id, Membership.user_id == user.id)
    ).one_or_none()
    if membership is not None and membership.as_role is Role.ADMIN:
        return
    before = None if membership is None else membership.as_role
    if before is not None and not promote:
        raise AlreadyThere(
            f"{user.email} is a {before} of {org.name!r}. To make the person an admin, "
            "add --promote."
        )
    if membership is None:
        membership = Membership(org_id=org.id, user_id=user.id)
        db.session.add(membership)
    membership.role = Role.ADMIN.value
    db.session.flush()
    detail = {"email": user.email, "role": Role.ADMIN.value}
    write_audit_event(
        org.id,
        OPERATOR,
        Action.MEMBER_ADDED if before is None else Action.MEMBER_CHANGED,
        membership.id,
        detail if before is None else {**detail, "before": before.value},
    )


def _new_key(org: Org, user: User) -> str:
    new = issue_key(org.id, user.id, KEY_NAME, Scope)
    write_audit_event(
        org.id,
        OPERATOR,
        Action.API_KEY_CREATED,
        new.key.id,
        {"name": new.key.name, "scopes": new.key.scopes},
    )
    return new.secret
