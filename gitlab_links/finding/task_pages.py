"""The tasks of the API's list and of files: in an order that goes on behind a task."""

from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, select

from gitlab_links.extensions import db
from gitlab_links.finding.by_activity import moment_of
from gitlab_links.finding.task_filters import TaskQuery
from gitlab_links.paging import Position
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.tasks.models import Task
from gitlab_links.tasks.orders import BY_TIME, TaskSort, in_order
from gitlab_links.tasks.queries import tasks_page, tasks_where
from gitlab_links.tasks.summaries import TaskView

# So many tasks of the order are tested one by one, before anything is read of all that match.
RECENT = 1_000


def tasks_behind(
    visibility: Visibility, wanted: TaskQuery, *, sort: TaskSort, after: Position | None, limit: int
) -> Sequence[TaskView]:
    """The tasks behind ``after``, in two statements at most."""
    if (wanted.narrows or wanted.is_common) and sort not in BY_TIME:
        conditions = [_are_next(visibility, sort, after), *wanted.conditions(visibility, each=True)]
        found = tasks_page(visibility.org_id, conditions, sort=sort, after=after, limit=limit)
        if len(found) == limit:
            return found
    conditions, few = list(wanted.conditions(visibility)), wanted.narrows
    return tasks_page(
        visibility.org_id, conditions, sort=sort, after=after, limit=limit, of_few=few
    )


def tasks_by_activity(
    visibility: Visibility, conditions: Sequence[ColumnElement[bool]], at_once: int
) -> Iterator[Sequence[TaskView]]:
    """All that meet the conditions, the latest activity first, in parts of so many.

    The order is read once: what changes meanwhile is not left out.
    """
    latest_first = (moment_of(visibility).desc(), Task.number.desc())
    order = select(Task.id).where(*conditions).order_by(*latest_first)
    ids = db.session.scalars(order).all()
    for part in (ids[start : start + at_once] for start in range(0, len(ids) or 1, at_once)):
        found = {task.id: task for task in tasks_where(visibility.org_id, Task.id.in_(part))}
        yield [found[task_id] for task_id in part if task_id in found]


def _are_next(
    visibility: Visibility, sort: TaskSort, after: Position | None
) -> ColumnElement[bool]:
    """Whether a task is one of the next ones of the whole list."""
    of_org = select(Task.id).where(Task.org_id == visibility.org_id)
    listed = in_order(of_org, sort, after=after, limit=RECENT)
    return Task.id.in_(select(listed.subquery().c.id))
