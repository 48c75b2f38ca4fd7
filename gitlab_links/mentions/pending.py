"""Mentions that make no link yet: of tasks to come, and in items that name too many. Nothing here
commits.

A task that is created gets its links from here, without a search in GitLab.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, exists, select, tuple_

from gitlab_links.accounts.models import Org
from gitlab_links.extensions import change_rows, db
from gitlab_links.gitlab.items import ItemRef
from gitlab_links.mentions.models import TOO_MANY, PendingMention
from gitlab_links.mentions.pattern import TaskName
from gitlab_links.mentions.reading import Stored, has_too_many, named_tasks, taken_back
from gitlab_links.storage.database import first_id_at, new_id, upsert
from gitlab_links.tasks.models import Task

# The newest of an org: whoever has its webhook secret could make up any number of them.
MOST_KEPT = 2000
# Of the numbers that come next: nobody mentions a task that is far away but by mistake.
FARTHEST = 1000
KEPT = timedelta(days=90)

_one = PendingMention


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item is: the address of its GitLab, and its reference there."""

    base_url: str
    ref: ItemRef

    def key(self) -> tuple[str, str, str, int]:
        return self.base_url, self.ref.project_path, self.ref.type.value, self.ref.iid


def note_pending(
    org_id: uuid.UUID,
    read: Iterable[tuple[Place, Stored]],
    tasks: Mapping[TaskName, uuid.UUID],
) -> None:
    """Note which of the items name too many tasks, or tasks that are not among the ``tasks`` and
    may be created later. No statement if there are none.
    """
    wanted = {
        (*place.key(), number) for place, stored in read for number in _numbers(stored, tasks)
    }
    numbers = {number for *_, number in wanted} - {TOO_MANY}
    noted = {TOO_MANY} | (_to_come(org_id, numbers) if numbers else set())
    rows = [_row(org_id, one) for one in sorted(wanted) if one[-1] in noted]
    if rows:
        unique = ("org_id", "number", "base_url", "path", "type", "iid")
        insert = upsert(db.engine.dialect.name, PendingMention).values(rows)
        db.session.execute(insert.on_conflict_do_nothing(index_elements=unique))
        _keep_newest(org_id)


def _numbers(stored: Stored, tasks: Mapping[TaskName, uuid.UUID]) -> set[int]:
    if has_too_many(stored):
        return {TOO_MANY}
    names = named_tasks(stored) - taken_back(stored) - tasks.keys()
    return {name for name in names if isinstance(name, int)}


def _to_come(org_id: uuid.UUID, numbers: set[int]) -> set[int]:
    """Those that the next tasks will have, and those of tasks made in this moment."""
    last = db.session.scalar(select(Org.last_task_number).where(Org.id == org_id)) or 0
    made = select(Task.number).where(Task.org_id == org_id, Task.number.in_(numbers))
    ahead = {number for number in numbers if last < number <= last + FARTHEST}
    return ahead | set(db.session.scalars(made))


def _row(org_id: uuid.UUID, one: tuple[str, str, str, int, int]) -> Mapping[str, Any]:
    base_url, path, item_type, iid, number = one
    place = {"base_url": base_url, "path": path, "type": item_type, "iid": iid}
    return {"id": new_id(), "org_id": org_id, "number": number, **place}


def _keep_newest(org_id: uuid.UUID) -> None:
    ours = select(_one.id).where(_one.org_id == org_id).order_by(_one.id.desc())
    first_too_old = db.session.scalar(ours.offset(MOST_KEPT).limit(1))
    if first_too_old is not None:
        change_rows(delete(_one).where(_one.org_id == org_id, _one.id <= first_too_old))


def forget_crowded(org_id: uuid.UUID, places: Iterable[Place]) -> None:
    """The items there do not name too many tasks (any more)."""
    crowded = exists().where(_one.org_id == org_id, _one.number == TOO_MANY)
    if not db.session.scalar(select(crowded)):
        return
    keys = {place.key() for place in places}
    where = tuple_(_one.base_url, _one.path, _one.type, _one.iid).in_(keys)
    change_rows(delete(_one).where(_one.org_id == org_id, _one.number == TOO_MANY, where))


def due_pending(org_id: uuid.UUID, limit: int) -> Sequence[PendingMention]:
    """Mentions of tasks that exist by now."""
    last = select(Org.last_task_number).where(Org.id == org_id).scalar_subquery()
    due = select(_one).where(_one.org_id == org_id, _one.number.between(TOO_MANY + 1, last))
    return db.session.scalars(due.order_by(_one.id).limit(limit)).all()


def orgs_due(_now: datetime) -> Select[uuid.UUID]:
    """The orgs that have such mentions, by an index probe for each org."""
    due = exists().where(
        _one.org_id == Org.id, _one.number.between(TOO_MANY + 1, Org.last_task_number)
    )
    return select(Org.id).where(due)


def forget_pending(rows: Sequence[PendingMention]) -> None:
    """They are linked now, or asked for."""
    change_rows(delete(_one).where(_one.id.in_([row.id for row in rows])))


def forget_old_pending(now: datetime) -> None:
    """Delete what has been waiting too long; an item that is read again is noted again."""
    change_rows(delete(_one).where(_one.id < first_id_at(now - KEPT)))
