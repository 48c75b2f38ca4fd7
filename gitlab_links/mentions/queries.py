"""Read the mentions that make no link yet."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, select

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemRef, ItemType
from gitlab_links.gitlab.urls import item_url
from gitlab_links.links.confidentiality import sees_all
from gitlab_links.links.freshness import Connection
from gitlab_links.mentions.models import TOO_MANY, PendingMention
from gitlab_links.paging import Position, paged
from gitlab_links.tasks.summaries import task_reference

_one = PendingMention


@dataclass(frozen=True, slots=True)
class PendingView:
    """An item that names a ``task`` which does not exist yet; without one, too many tasks."""

    id: uuid.UUID
    reference: str
    url: str
    task: str | None
    noted_at: datetime


def pending_mentions(
    org_id: uuid.UUID,
    viewer: Role | None,
    connection: Connection,
    *,
    after: Position | None = None,
    limit: int,
) -> Sequence[PendingView]:
    """The org's, the newest first.

    Nobody knows of these items whether they are confidential by now: who may not see all is shown
    no issue.
    """
    seen = _seen(org_id, viewer, connection)
    statement = select(_one, Org.task_key).join(Org, Org.id == _one.org_id).where(*seen)
    page = paged(statement, _one.id, descending=True, after=after, limit=limit)
    return [_view(row, key) for row, key in db.session.execute(page)]


def has_pending(org_id: uuid.UUID, viewer: Role | None, connection: Connection) -> bool:
    """Whether there are any."""
    return bool(db.session.scalar(select(exists().where(*_seen(org_id, viewer, connection)))))


def _seen(
    org_id: uuid.UUID, viewer: Role | None, connection: Connection
) -> Iterator[ColumnElement[bool]]:
    yield _one.org_id == org_id
    yield _one.base_url == connection.base_url
    if not sees_all(connection, viewer):
        yield _one.type == ItemType.MERGE_REQUEST.value


def _view(row: PendingMention, key: str) -> PendingView:
    ref = ItemRef(row.path, ItemType(row.type), row.iid)
    task = None if row.number == TOO_MANY else task_reference(key, row.number)
    return PendingView(row.id, str(ref), item_url(row.base_url, ref), task, row.noted_at)
