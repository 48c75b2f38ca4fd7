"""Tasks by what an address names them: ``ACME-12`` or the id."""

import re
import uuid

from sqlalchemy import func, select

from gitlab_links.accounts.models import Org
from gitlab_links.errors import NotFound
from gitlab_links.extensions import db
from gitlab_links.tasks.models import Task
from gitlab_links.tasks.queries import find_task
from gitlab_links.tasks.views import TaskView, task_view

_REFERENCE = re.compile(r"([A-Za-z][A-Za-z0-9]{0,9})-([1-9][0-9]{0,8})")


def task_at(org_id: uuid.UUID, name: str) -> TaskView:
    """The org's task of that reference or id, in one query; raises :class:`NotFound`."""
    named = _REFERENCE.fullmatch(name)
    if named is None:
        return find_task(org_id, _id(name))
    key, number = named.groups()
    row = db.session.execute(
        select(Task, Org.task_key)
        .join(Org, Org.id == Task.org_id)
        .where(
            Task.org_id == org_id,
            Task.number == int(number),
            func.upper(Org.task_key) == key.upper(),
        )
    ).one_or_none()
    if row is None:
        raise NotFound
    return task_view(row[0], row[1])


def _id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise NotFound from None
