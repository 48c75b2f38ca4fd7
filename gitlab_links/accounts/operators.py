"""The operators, who run the installation and may see what belongs to no org."""

import uuid

from sqlalchemy import and_, exists, select

from gitlab_links.accounts.models import Membership, Org, User
from gitlab_links.accounts.roles import Role
from gitlab_links.errors import Forbidden
from gitlab_links.extensions import db, settings


def is_operator(user_id: uuid.UUID, email: str) -> bool:
    """Whether ``OPERATOR_EMAILS`` contains the person's address; if the setting is empty,
    whether they are an admin of every org.
    """
    named = settings().operator_emails
    return email in named if named else _administers_every_org(user_id)


def refuse_new_operator(email: str) -> None:
    """Raise :class:`Forbidden` for the address of an operator who has no account yet.

    For links that were handed over: the admin who made one could use it and be the operator.
    """
    if email not in settings().operator_emails:
        return
    if not db.session.scalar(select(exists().where(User.email == email))):
        raise Forbidden(
            "This address belongs to an operator. Ask the operator to create the account with "
            "the command bootstrap."
        )


def _administers_every_org(user_id: uuid.UUID) -> bool:
    as_admin = and_(
        Membership.org_id == Org.id,
        Membership.user_id == user_id,
        Membership.role == Role.ADMIN.value,
    )
    elsewhere = select(Org.id).where(~exists().where(as_admin))
    return not db.session.scalar(select(elsewhere.exists()))
