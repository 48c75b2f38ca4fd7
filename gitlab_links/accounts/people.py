"""Finding people, and the rule for addresses."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, exists, select

from gitlab_links.accounts.models import ApiKey, Membership, User
from gitlab_links.accounts.names import checked_name
from gitlab_links.accounts.roles import Permission
from gitlab_links.audit.models import AuditEvent
from gitlab_links.errors import Invalid, required
from gitlab_links.extensions import db
from gitlab_links.mail import LONGEST_ADDRESS, parse_mail_address
from gitlab_links.paging import Position, paged


def find_user(user_id: uuid.UUID) -> User:
    """The person; raises :class:`NotFound`."""
    return required(db.session.get(User, user_id))


def names_by_id(
    model: type[User] | type[ApiKey], ids: Iterable[uuid.UUID | None]
) -> Mapping[uuid.UUID | None, str]:
    """The names of these users or API keys; unknown ids are left out."""
    statement = select(model.id, model.name).where(model.id.in_(set(ids) - {None}))
    return {row.id: row.name for row in db.session.execute(statement)}


@dataclass(frozen=True, slots=True)
class Colleague:
    """A member who works on tasks; ``id`` is the user's."""

    id: uuid.UUID
    name: str


def colleagues(org_id: uuid.UUID) -> Sequence[Colleague]:
    """Everybody in the org who may change tasks, by name.

    Without people who have not opened the org yet: their ids would reveal whether they had an
    account before.
    """
    statement = (
        select(User.id, User.name)
        .join(Membership, Membership.user_id == User.id)
        .where(works_in(org_id))
        .order_by(User.name, User.id)
    )
    return [Colleague(*row) for row in db.session.execute(statement)]


def colleagues_page(
    org_id: uuid.UUID, *, after: Position | None = None, limit: int | None = None
) -> Sequence[Colleague]:
    """The same, by id, starting behind ``after``."""
    statement = (
        select(User.id, User.name)
        .join(Membership, Membership.user_id == User.id)
        .where(works_in(org_id))
    )
    rows = db.session.execute(paged(statement, User.id, after=after, limit=limit))
    return [Colleague(*row) for row in rows]


def may_be_assigned(org_id: uuid.UUID, user_id: uuid.UUID) -> bool:
    """Whether the user is one of the org's ``colleagues``."""
    found = exists().where(works_in(org_id), Membership.user_id == user_id)
    return bool(db.session.scalar(select(found)))


def works_in(org_id: uuid.UUID) -> ColumnElement[bool]:
    """Whether a user and a membership are those of somebody who may change the org's tasks."""
    return and_(
        Membership.org_id == org_id,
        Membership.role.in_(sorted(Permission.TASK_WRITE.roles)),
        Membership.pending_name.is_(None),
        User.id == Membership.user_id,
        User.is_person,
    )


def people_in_audit_log(org_id: uuid.UUID) -> Sequence[User]:
    """Everybody in the org's audit log, by name, former members included.

    One probe of an index for each person. PostgreSQL makes EXISTS a join, for which it may read
    all of the log, or what a person did in other orgs; it does not do so with a row to find.
    """
    theirs = (AuditEvent.org_id == org_id, AuditEvent.actor_user_id == User.id)
    one = select(AuditEvent.id).where(*theirs).order_by(AuditEvent.id).limit(1).scalar_subquery()
    return db.session.scalars(select(User).where(one.is_not(None)).order_by(User.name)).all()


MAX_EMAIL = LONGEST_ADDRESS


def rename(user_id: uuid.UUID, name: str) -> None:
    """Change the person's own name; raises :class:`Invalid`."""
    user = find_user(user_id)
    _, user.name = checked_person(user.email, name)


def set_key_shortcuts(user_id: uuid.UUID, *, on: bool) -> None:
    """Switch the keyboard shortcuts of the person's pages on or off."""
    find_user(user_id).key_shortcuts = on


def checked_person(email: str, name: str) -> tuple[str, str]:
    """The address as :func:`checked_address` has it, and the name; raises :class:`Invalid` with
    what is wrong with either. Of a name see ``names``.
    """
    errors: dict[str, list[str]] = {}
    try:
        email = checked_address(email)
    except Invalid as refusal:
        errors |= refusal.errors
    try:
        name = checked_name(name)
    except Invalid as refusal:
        errors |= refusal.errors
    if errors:
        raise Invalid(" ".join(words for one in errors.values() for words in one), errors=errors)
    return email, name


def checked_address(email: str) -> str:
    """The address in lower case; raises :class:`Invalid`.

    It must be ASCII, so that no character can imitate another.
    """
    try:
        return parse_mail_address(email.strip()).lower()
    except ValueError:
        words = "Enter an e-mail address, such as ana@example.com."
        raise Invalid(words, errors={"email": [words]}) from None
