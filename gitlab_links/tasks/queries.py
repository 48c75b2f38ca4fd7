"""Reading tasks: one query, however many there are."""

import uuid
from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, Select, exists, func, select

from gitlab_links.accounts.models import Org, User
from gitlab_links.errors import NotFound, required
from gitlab_links.extensions import db
from gitlab_links.paging import Position
from gitlab_links.tasks.models import Task
from gitlab_links.tasks.orders import TaskSort, in_order
from gitlab_links.tasks.references import is_referred_to, parse_reference
from gitlab_links.tasks.summaries import TaskView, task_view

# What ``task_view`` takes: a task, its org's key, its assignee's name, its org's template.
TaskSelect = Select[Task, str, str | None, str | None]


def tasks_page(
    org_id: uuid.UUID,
    conditions: Iterable[ColumnElement[bool]] = (),
    *,
    sort: TaskSort = TaskSort.CREATED_DESC,
    after: Position | None = None,
    limit: int | None = None,
    of_few: bool = False,
) -> Sequence[TaskView]:
    """The org's tasks that meet SQL conditions, starting behind ``after``; ``of_few`` is as in
    :func:`tasks.orders.in_order`.
    """
    joined = _joined(org_id).where(*conditions)
    statement = in_order(joined, sort, after=after, limit=limit, of_few=of_few)
    return [task_view(*row) for row in db.session.execute(statement)]


def tasks_where(org_id: uuid.UUID, condition: ColumnElement[bool]) -> Sequence[TaskView]:
    """The org's tasks that meet a condition, the newest first."""
    statement = _joined(org_id).where(condition).order_by(Task.id.desc())
    return [task_view(*row) for row in db.session.execute(statement)]


def known_numbers(org_id: uuid.UUID, numbers: Sequence[int]) -> frozenset[int]:
    """Those of the numbers that tasks of the org have."""
    there = select(Task.number).where(Task.org_id == org_id, Task.number.in_(numbers))
    return frozenset(db.session.scalars(there))


def tasks_there(org_id: uuid.UUID, task_ids: Sequence[uuid.UUID]) -> int:
    """How many of them the org has."""
    there = select(func.count()).where(Task.org_id == org_id, Task.id.in_(task_ids))
    return db.session.scalars(there).one() if task_ids else 0


def find_task(org_id: uuid.UUID, task_id: uuid.UUID) -> TaskView:
    """One task; raises :class:`NotFound`, also for another org's."""
    return _only(_joined(org_id).where(Task.id == task_id))


def task_at(org_id: uuid.UUID, name: str) -> TaskView:
    """The org's task with this reference, as ``ACME-12``, or this id.

    One query; raises :class:`NotFound`.
    """
    reference = parse_reference(name)
    if reference is None or reference.key is None:
        return find_task(org_id, _id(name))
    return _only(_joined(org_id).where(is_referred_to(reference)))


def _only(statement: TaskSelect) -> TaskView:
    return task_view(*required(db.session.execute(statement).one_or_none()))


def _id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise NotFound from None


def _joined(org_id: uuid.UUID) -> TaskSelect:
    # Each task has an org. An inner join, SQLite would begin with it and sort all its tasks.
    return (
        select(Task, Org.task_key, User.name, Org.branch_template)
        .outerjoin(Org, Org.id == Task.org_id)
        .outerjoin(User, User.id == Task.assignee_id)
        .where(Task.org_id == org_id)
    )


def require_task(org_id: uuid.UUID, task_id: uuid.UUID) -> None:
    """Raise :class:`NotFound` unless the org has this task."""
    if not db.session.scalar(select(exists().where(Task.id == task_id, Task.org_id == org_id))):
        raise NotFound
