"""A member's account in the org's GitLab: given by them, or the one they sign in with.

Nothing here commits.
"""

import re
import uuid

from sqlalchemy import BindParameter, Subquery, bindparam, func, select, update

from gitlab_links.accounts.models import Membership
from gitlab_links.accounts.principal import Principal
from gitlab_links.errors import Invalid
from gitlab_links.extensions import change_rows, db
from gitlab_links.gitlab.usernames import username_of
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.sign_in.models import Identity

USERNAME = r"^@?[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$"
_USERNAME = re.compile(USERNAME)


def account_name() -> Subquery:
    """One row with the user name in the org's GitLab as ``name``, in lower case or null. The
    statement needs ``org_id`` and ``user_id``.

    What the member has given comes before the linked identity, whose issuer must be the org's
    GitLab itself. GitLab's word for the user name is brought up to date at each sign-in.
    """
    org_id: BindParameter[uuid.UUID] = bindparam("org_id")
    user_id: BindParameter[uuid.UUID] = bindparam("user_id")
    linked = (
        select(func.lower(Identity.name))
        .join(OrgGitLabIntegration, OrgGitLabIntegration.base_url == Identity.issuer)
        .where(OrgGitLabIntegration.org_id == org_id, Identity.user_id == user_id)
        .order_by(Identity.id)
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(func.coalesce(Membership.gitlab_username, linked).label("name"))
        .where(Membership.org_id == org_id, Membership.user_id == user_id)
        .subquery()
    )


def gitlab_username(org_id: uuid.UUID, user_id: uuid.UUID) -> str | None:
    """The user name in the org's GitLab; None if none is known."""
    known = {"org_id": org_id, "user_id": user_id}
    return db.session.scalar(select(account_name().c.name), known)


def set_gitlab_username(principal: Principal, username: str | None) -> None:
    """Save the user name, with or without the @; None or an empty one clears it.

    Raises :class:`Invalid`.
    """
    name = (username or "").strip()
    if name and _USERNAME.fullmatch(name) is None:
        raise Invalid(
            "The user name was not saved.",
            errors={
                "gitlab_username": [
                    "Enter your user name in GitLab as it stands after the @, such as ana.silva."
                ]
            },
        )
    change_rows(
        update(Membership)
        .where(Membership.org_id == principal.org_id, Membership.user_id == principal.user_id)
        .values(gitlab_username=username_of(name) or None)
    )
