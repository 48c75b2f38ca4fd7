"""The tasks of the API's list: a filter in the order of a list that goes on behind a task."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select

from gitlab_links.finding.task_filters import TaskQuery
from gitlab_links.paging import Position
from gitlab_links.rollup.sight import Sight
from gitlab_links.tasks.models import Task
from gitlab_links.tasks.queries import TaskSort, tasks_page
from gitlab_links.tasks.summaries import TaskView

# So many tasks of the order are tested one by one, before anything is read of all that match.
RECENT = 1_000
_BY_ID = {TaskSort.CREATED, TaskSort.CREATED_DESC}


def tasks_behind(
    sight: Sight, wanted: TaskQuery, *, sort: TaskSort, after: Position | None, limit: int
) -> Sequence[TaskView]:
    """The tasks behind ``after``, in two statements at most."""
    if wanted.narrows and sort in _BY_ID:
        conditions = [_are_next(sight, sort, after), *wanted.conditions(sight, each=True)]
        found = tasks_page(sight.org_id, conditions, sort=sort, after=after, limit=limit)
        if len(found) == limit:
            return found
    conditions = list(wanted.conditions(sight))
    return tasks_page(sight.org_id, conditions, sort=sort, after=after, limit=limit)


def _are_next(sight: Sight, sort: TaskSort, after: Position | None) -> ColumnElement[bool]:
    """Whether a task is one of the next ones of the whole list."""
    newest_first = sort is TaskSort.CREATED_DESC
    by = Task.id.desc() if newest_first else Task.id.asc()
    listed = select(Task.id).where(Task.org_id == sight.org_id).order_by(by).limit(RECENT)
    if after is not None:
        listed = listed.where(Task.id < after.id if newest_first else Task.id > after.id)
    return Task.id.in_(select(listed.subquery().c.id))
