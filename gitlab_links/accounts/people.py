"""Looking people up."""

import uuid

from gitlab_links.accounts.models import User
from gitlab_links.errors import NotFound
from gitlab_links.extensions import db


def find_user(user_id: uuid.UUID) -> User:
    """The person; raises :class:`NotFound`."""
    user = db.session.get(User, user_id)
    if user is None:
        raise NotFound
    return user
