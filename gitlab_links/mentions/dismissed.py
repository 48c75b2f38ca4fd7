"""Read the mentions whose link somebody removed: they stay away until somebody links them."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select

from gitlab_links.accounts.models import Org, User
from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemRef, ItemType
from gitlab_links.gitlab.urls import item_url
from gitlab_links.links.confidentiality import maybe_withheld, sees_all
from gitlab_links.links.freshness import Connection
from gitlab_links.links.models import DismissedMention, GitLabItem, GitLabProject
from gitlab_links.tasks.models import Task
from gitlab_links.tasks.summaries import task_reference

_one = DismissedMention


@dataclass(frozen=True, slots=True)
class DismissedView:
    """An item that mentions ``task``; ``by`` is who removed the link, if their account exists."""

    reference: str
    url: str
    title: str | None
    task: str
    by: str | None
    at: datetime


def dismissed_mentions(
    org_id: uuid.UUID, viewer: Role | None, connection: Connection, *, limit: int
) -> Sequence[DismissedView]:
    """The org's, the latest first, without items that the viewer may not see."""
    rows = db.session.execute(
        select(_one, GitLabItem, GitLabProject, Task.number, Org.task_key, User.name)
        .join(GitLabItem, GitLabItem.id == _one.item_id)
        .join(GitLabProject, GitLabProject.id == GitLabItem.project_id)
        .join(Task, Task.id == _one.task_id)
        .join(Org, Org.id == _one.org_id)
        .outerjoin(User, User.id == _one.dismissed_by)
        .where(*_seen(org_id, viewer, connection))
        .order_by(_one.id.desc())
        .limit(limit)
    )
    return [
        _view(row, item, project, task_reference(key, number), by)
        for row, item, project, number, key, by in rows
    ]


def count_dismissed(org_id: uuid.UUID, viewer: Role | None, connection: Connection) -> int:
    """How many there are."""
    counted = (
        select(func.count())
        .select_from(_one)
        .join(GitLabItem, GitLabItem.id == _one.item_id)
        .join(GitLabProject, GitLabProject.id == GitLabItem.project_id)
        .where(*_seen(org_id, viewer, connection))
    )
    return db.session.scalar(counted) or 0


def _seen(
    org_id: uuid.UUID, viewer: Role | None, connection: Connection
) -> Iterator[ColumnElement[bool]]:
    yield _one.org_id == org_id
    yield GitLabProject.base_url == connection.base_url
    if not sees_all(connection, viewer):
        yield ~maybe_withheld()


def _view(
    row: DismissedMention, item: GitLabItem, project: GitLabProject, task: str, by: str | None
) -> DismissedView:
    ref = ItemRef(project.path, ItemType(item.type), item.iid)
    url = item_url(project.base_url, ref)
    return DismissedView(str(ref), url, item.title, task, by, row.dismissed_at)
