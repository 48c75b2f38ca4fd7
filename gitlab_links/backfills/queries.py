"""Read a look back: how far it is, and what it found."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, true

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from gitlab_links.backfills.models import Backfill, BackfillItem
from gitlab_links.errors import required
from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemRef, ItemType
from gitlab_links.gitlab.urls import item_url
from gitlab_links.links.confidentiality import sees_all
from gitlab_links.links.freshness import Connection
from gitlab_links.links.models import GitLabProject
from gitlab_links.paging import Position, paged
from gitlab_links.tasks.models import Task
from gitlab_links.tasks.summaries import task_reference


@dataclass(frozen=True, slots=True)
class BackfillView:
    """A look back for display: ``lists`` of GitLab, of which ``lists_left`` are to be read."""

    id: uuid.UUID
    stage: str
    lists: int
    lists_left: int
    calls: int
    skipped: int
    items: int
    tasks: int
    links_made: int
    error_code: str | None
    error_detail: str | None
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class FoundItem:
    """An item that would be linked; without a title for who may not see it."""

    id: uuid.UUID
    reference: str
    url: str
    title: str | None
    tasks: list[str]


def latest_backfill(org_id: uuid.UUID) -> BackfillView | None:
    """The org's newest one."""
    ours = select(Backfill).where(Backfill.org_id == org_id).order_by(Backfill.id.desc()).limit(1)
    found = db.session.scalars(ours).one_or_none()
    return None if found is None else _view(found)


def find_backfill(org_id: uuid.UUID, backfill_id: uuid.UUID) -> BackfillView:
    """One of the org's; raises :class:`NotFound`."""
    ours = select(Backfill).where(Backfill.org_id == org_id, Backfill.id == backfill_id)
    return _view(required(db.session.scalars(ours).one_or_none()))


def _view(backfill: Backfill) -> BackfillView:
    items, tasks = _counts(backfill.id)
    return BackfillView(
        id=backfill.id,
        stage=backfill.stage,
        lists=backfill.lists,
        lists_left=len(backfill.left),
        calls=backfill.calls,
        skipped=backfill.skipped,
        items=items,
        tasks=tasks,
        links_made=backfill.links_made,
        error_code=backfill.error_code,
        error_detail=backfill.error_detail,
        created_at=backfill.created_at,
        finished_at=backfill.finished_at,
    )


def _counts(backfill_id: uuid.UUID) -> tuple[int, int]:
    """How many items a look back found, and how many tasks they mention."""
    on_postgresql = db.engine.dialect.name == "postgresql"
    entries = func.json_array_elements_text if on_postgresql else func.json_each
    task = entries(BackfillItem.tasks).table_valued("value")
    ours = BackfillItem.backfill_id == backfill_id
    items = select(func.count()).select_from(BackfillItem).where(ours)
    tasks = (
        select(func.count(task.c.value.distinct()))
        .select_from(BackfillItem)
        .join(task, true())
        .where(ours)
    )
    row = db.session.execute(select(items.scalar_subquery(), tasks.scalar_subquery())).one()
    return row[0], row[1]


def found_items(
    org_id: uuid.UUID,
    backfill_id: uuid.UUID,
    viewer: Role,
    connection: Connection,
    *,
    after: Position | None = None,
    limit: int | None = None,
) -> Sequence[FoundItem]:
    """What a look back found, in the order of finding it."""
    item, project = BackfillItem, GitLabProject
    statement = (
        select(item, project.path, project.base_url)
        .join(project, project.id == item.project_id)
        .join(Backfill, Backfill.id == item.backfill_id)
        .where(item.backfill_id == backfill_id, Backfill.org_id == org_id)
    )
    rows = db.session.execute(paged(statement, item.id, after=after, limit=limit)).all()
    shows_all = sees_all(connection, viewer)
    named = _references(org_id, {task for row in rows for task in row[0].tasks})
    found = []
    for one, path, base_url in rows:
        ref = ItemRef(path, ItemType(one.type), one.iid)
        title = one.title if shows_all or not one.confidential else None
        tasks = [named[task] for task in one.tasks if task in named]
        found.append(FoundItem(one.id, str(ref), item_url(base_url, ref), title, tasks))
    return found


def _references(org_id: uuid.UUID, tasks: set[str]) -> dict[str, str]:
    ids = [uuid.UUID(task) for task in tasks]
    rows = db.session.execute(
        select(Task.id, Task.number, Org.task_key)
        .join(Org, Org.id == Task.org_id)
        .where(Task.org_id == org_id, Task.id.in_(ids))
    )
    return {str(row.id): task_reference(row.task_key, row.number) for row in rows}
