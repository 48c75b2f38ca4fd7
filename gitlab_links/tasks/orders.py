"""The orders of lists of tasks that go on behind a task."""

from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, func, or_

from gitlab_links.paging import Position, paged
from gitlab_links.tasks.models import Task
from gitlab_links.tasks.summaries import TaskView

S = TypeVar("S", bound=Select[*tuple[Any, ...]])


class TaskSort(StrEnum):
    """The orders; a minus sorts descending. Titles are compared without case."""

    CREATED = "created_at"
    CREATED_DESC = "-created_at"
    UPDATED = "updated_at"
    UPDATED_DESC = "-updated_at"
    TITLE = "title"
    TITLE_DESC = "-title"
    DUE = "due"


BY_TIME = {TaskSort.UPDATED, TaskSort.UPDATED_DESC}
BY_ID = {TaskSort.CREATED, TaskSort.CREATED_DESC}


def in_order(
    statement: S, sort: TaskSort, *, after: Position | None, limit: int | None, of_few: bool = False
) -> S:
    """The tasks behind ``after``. ``of_few``: few match, so that these are sorted, and the order
    is not read until a page of them is found.
    """
    if sort is TaskSort.DUE:
        return _by_due_date(statement, after, of_few=of_few).limit(limit)
    if sort in {TaskSort.TITLE, TaskSort.TITLE_DESC}:
        return _by_title(statement, sort, after, of_few=of_few).limit(limit)
    by = Task.updated_at if sort in BY_TIME else None
    down = sort.startswith("-")
    return paged(statement, Task.id, by=by, descending=down, after=after, limit=limit)


def position_of(task: TaskView, sort: TaskSort) -> Position:
    """A task's position in the order, from which the next page starts."""
    if sort is TaskSort.DUE:
        return Position(task.id, task.due_date.isoformat() if task.due_date else "")
    return Position(task.id, None if sort in BY_ID else getattr(task, sort.lstrip("-")))


def _by_title(statement: S, sort: TaskSort, after: Position | None, *, of_few: bool) -> S:
    title: ColumnElement[str] = func.lower(Task.title)
    if of_few:
        title = title.concat("")  # of which there is no index
    down = sort is TaskSort.TITLE_DESC
    if after is not None:
        last = func.lower(after.value)  # by the database: which letters it knows differs
        same = and_(title == last, Task.id < after.id if down else Task.id > after.id)
        # This is where an index is read from; of the next condition, rows are tested.
        statement = statement.where(title <= last if down else title >= last)
        statement = statement.where(or_(title < last if down else title > last, same))
    by = (title, Task.id)
    return statement.order_by(*(one.desc() for one in by) if down else by)


def _by_due_date(statement: S, after: Position | None, *, of_few: bool) -> S:
    """What is due first, and at last what has no date."""
    never: ColumnElement[bool] = Task.due_date.is_(None)
    due = Task.due_date
    if of_few:
        never = func.coalesce(never, never)  # of which there is no index
    if after is not None:
        last = _date(after.value)
        later = and_(never, Task.id > after.id)
        if last is not None:
            later = or_(never, due > last, and_(due == last, Task.id > after.id))
        statement = statement.where(later)
    return statement.order_by(never, due, Task.id)


def _date(value: object) -> date | None:
    """The due date in a position; what is none is like no date."""
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None
