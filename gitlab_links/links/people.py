"""Who is behind the ids of users that tasks and links have."""

import uuid

from sqlalchemy import and_, exists, or_, select

from gitlab_links.accounts.models import User
from gitlab_links.accounts.people import Colleague, works_in
from gitlab_links.errors import required
from gitlab_links.extensions import db
from gitlab_links.links.models import TaskGitLabLink
from gitlab_links.tasks.models import Task


def person_known_to(org_id: uuid.UUID, user_id: uuid.UUID) -> Colleague:
    """Somebody who works on the org's tasks, or did; also a service account. Of everybody else,
    such as people of other orgs, :class:`NotFound`.
    """
    link = TaskGitLabLink
    known = or_(
        User.service_of_id == org_id,
        exists().where(works_in(org_id)),
        exists().where(Task.org_id == org_id, Task.created_by == User.id),
        exists().where(Task.org_id == org_id, Task.assignee_id == User.id),
        exists().where(link.org_id == org_id, link.created_by == User.id),
    )
    found = db.session.execute(select(User.id, User.name).where(and_(User.id == user_id, known)))
    return Colleague(*required(found.one_or_none()))
