"""The GitLab account that a member gives for themselves. Nothing here commits."""

import re
import uuid

from sqlalchemy import select, update

from gitlab_links.accounts.models import Membership
from gitlab_links.accounts.principal import Principal
from gitlab_links.errors import Invalid
from gitlab_links.extensions import change_rows, db

MAX_USERNAME = 255
USERNAME = r"^@?[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$"
_USERNAME = re.compile(USERNAME)


def gitlab_username(org_id: uuid.UUID, user_id: uuid.UUID) -> str | None:
    """The user name in the org's GitLab; None if the member has given none."""
    own = select(Membership.gitlab_username).where(
        Membership.org_id == org_id, Membership.user_id == user_id
    )
    return db.session.scalar(own)


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
        .values(gitlab_username=name.removeprefix("@").lower() or None)
    )
