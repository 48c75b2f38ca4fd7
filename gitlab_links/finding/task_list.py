"""A page of the matching tasks, in any order, by number.

What a list costs does not grow with the org: see docs/adr.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import sqrt
from typing import Any

from sqlalchemy import CTE, ColumnElement, Select, asc, desc, func, null, select, union_all

from gitlab_links.accounts.models import Org, User
from gitlab_links.extensions import db
from gitlab_links.finding.by_activity import (
    FEW,
    RECENT_TASKS,
    are_recent,
    compared,
    first_of,
    first_of_all,
    moment_of,
)
from gitlab_links.finding.task_filters import TaskQuery
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.tasks.models import Task
from gitlab_links.tasks.summaries import TaskView, task_view

# More matches of a common filter are not counted.
COUNTED = 2000
# More tasks than these are not compared by their activity.
COMPARED = 20_000
# So many tasks of the order are tested one by one, before anything is read of all that match.
RECENT = 500
# If a page is probably among up to so many times as many, those are tested next.
MOST_TIMES = 10
# Of what one index finds, so many are read in the time in which one task is tested.
WORTH = 8
# In an org of fewer tasks, all that match are counted.
MANY = 5_000
_BY_NUMBER = {"newest": desc, "oldest": asc}
Conditions = Sequence[ColumnElement[bool]]
Statement = Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class TaskList:
    """A page of the matching tasks, the number of matches, and the key of their references.

    If there ``are_more``, ``total`` is a number that there are more than.
    """

    tasks: Sequence[TaskView]
    total: int
    are_more: bool
    task_key: str


def listed_tasks(
    visibility: Visibility, wanted: TaskQuery, *, sort: str, offset: int, limit: int
) -> TaskList:
    """The tasks from ``offset`` on, in five statements at most.

    ``sort`` is ``newest``, ``oldest``, ``updated``, ``due`` or ``title``.
    """
    of_org = select(Org.task_key, Org.branch_template, Org.last_task_number)
    naming = of_org.where(Org.id == visibility.org_id)
    task_key, template, last_number = db.session.execute(naming).one()
    page = _Page(sort, offset, limit, last_number)

    def shown(rows: Sequence[Any], total: int, *, are_more: bool) -> TaskList:
        tasks = [task_view(task, task_key, name, template) for task, name, _ in rows]
        return TaskList(tasks, total, are_more, task_key)

    if wanted.narrows and last_number > MANY:
        rows = page.of_recent(visibility, wanted)
        if rows:
            return shown(rows, rows[0][2] - 1, are_more=True)
    conditions = list(wanted.conditions(visibility))
    total = None if wanted.narrows else _count(conditions, wanted)
    few = COUNTED if wanted.is_common else COMPARED
    if sort == "updated" and total is not None and total <= FEW:
        statement = page.of_few(visibility, conditions)
    elif total is None or (sort == "updated" and total <= few):
        statement = page.of_these(visibility, conditions)
    else:
        statement = page.of_many(visibility, conditions)
    rows = db.session.execute(statement).all()
    if total is None:
        total = rows[0][2] if rows else _count(conditions, wanted) if offset else 0
    are_more = wanted.is_common and total > COUNTED
    return shown(rows, min(total, COUNTED) if are_more else total, are_more=are_more)


def _count(conditions: Conditions, wanted: TaskQuery) -> int:
    if not wanted.is_common:
        return _count_of(conditions)
    some = select(Task.id).where(*conditions).limit(COUNTED + 1).subquery()
    return db.session.scalar(select(func.count()).select_from(some)) or 0


def _count_of(conditions: Conditions) -> int:
    return db.session.scalar(select(func.count()).select_from(Task).where(*conditions)) or 0


@dataclass(frozen=True, slots=True)
class _Page:
    """A page of tasks as a statement: tasks, names of their assignees, and how many match.

    ``tasks`` are about as many as the org has.
    """

    sort: str
    offset: int
    limit: int
    tasks: int

    def of_recent(self, visibility: Visibility, wanted: TaskQuery) -> Sequence[Any]:
        """The rows, if more than this page match among the first tasks of the order; else none.

        A filter that many tasks meet is full of matches there. So what one that few meet costs
        does not depend on how many meet the others. If some are there and too few, they say how
        many more tasks have a page of them.
        """
        conditions = list(wanted.conditions(visibility, each=True))
        first = [*self._are_first(visibility, wanted), *conditions]
        rows: Sequence[Any] = ()
        if self.offset:  # without a row of this page, its statement counts nothing
            found = _count_of(first)
        else:
            rows, found = self._read(visibility, first)
            if self._is_enough(found):
                return rows
        more = self._are_more(visibility, wanted, found)
        if more is not None:
            rows, found = self._read(visibility, [*more, *conditions])
        return rows if self._is_enough(found) else []

    def _read(self, visibility: Visibility, conditions: Conditions) -> tuple[Sequence[Any], int]:
        rows = db.session.execute(self.of_few(visibility, conditions)).all()
        return rows, rows[0][2] if rows else 0

    def _is_enough(self, found: int) -> bool:
        # One less than are found is what there are surely more of.
        return found - 1 > self.offset + self.limit

    def _are_first(self, visibility: Visibility, wanted: TaskQuery, times: int = 1) -> Conditions:
        if self.sort == "updated":
            return are_recent(visibility, times)
        return self._are_in(self._of_statuses(visibility, wanted, RECENT * times))

    def _are_more(self, visibility: Visibility, wanted: TaskQuery, found: int) -> Conditions | None:
        """More of the first, if so many match of some and a page is probably among those."""
        end = self.offset + self.limit
        if self._is_enough(found):
            return self._are_first(visibility, wanted)
        # By 2.5 standard deviations more: matches are not evenly spread.
        times = 1 + int((end + 2) * (1 + 2.5 / sqrt(found)) / found) if found else 0
        some = RECENT_TASKS if self.sort == "updated" else RECENT
        if not wanted.is_combined and times * some * WORTH > found * self.tasks // some:
            return None
        return self._are_first(visibility, wanted, times) if 1 < times <= MOST_TIMES else None

    def _of_statuses(self, visibility: Visibility, wanted: TaskQuery, count: int) -> Select[Any]:
        """The first tasks of those statuses that matching ones have."""
        of_org: Statement = select(Task.id, Task.number).where(Task.org_id == visibility.org_id)
        first = of_org.order_by(*self._keys).limit(count)
        if self.sort not in _BY_NUMBER or not wanted.statuses:
            return first
        # Those of each status in the order of an index, and of these the first.
        parts = [first.where(Task.status == one).subquery() for one in wanted.statuses]
        every = union_all(*(select(part.c.id, part.c.number) for part in parts)).subquery()
        by = _BY_NUMBER[self.sort](every.c.number)
        return select(every.c.id, every.c.number).order_by(by).limit(count)

    def _are_in(self, first: Select[Any]) -> Conditions:
        return [Task.id.in_(select(first.subquery().c.id))]

    def of_few(self, visibility: Visibility, conditions: Conditions) -> Statement:
        """For conditions that few tasks meet: they are compared with each other."""
        return self._of(visibility, conditions, compared)

    def of_these(self, visibility: Visibility, conditions: Conditions) -> Statement:
        """For conditions whose matching is most of the work: it is done once, for the count and
        the page.
        """
        return self._of(visibility, conditions, partial(first_of, end=self.offset + self.limit))

    def _of(
        self,
        visibility: Visibility,
        conditions: Conditions,
        by_activity: Callable[[Visibility, CTE], Statement],
    ) -> Statement:
        matching = select(Task.id, Task.number).where(*conditions).cte("matching")
        counted = select(func.count()).select_from(matching).scalar_subquery()
        if self.sort == "updated":
            found = by_activity(visibility, matching).subquery()
            by: list[Any] = [found.c.moment.desc(), found.c.number.desc()]
            chosen = select(found.c.id, found.c.moment)
        elif self.sort in _BY_NUMBER:
            by = [_BY_NUMBER[self.sort](matching.c.number)]
            chosen = select(matching.c.id)
        else:
            by = self._keys
            chosen = select(matching.c.id).join(Task, Task.id == matching.c.id)
        # The rows are read for the page alone.
        here = self._cut(chosen.order_by(*by)).subquery()
        first = [here.c.moment.desc()] if self.sort == "updated" else []
        return (
            select(Task, User.name, counted)
            .join(here, here.c.id == Task.id)
            .outerjoin(User, User.id == Task.assignee_id)
            .order_by(*first, *self._keys)
        )

    def of_many(self, visibility: Visibility, conditions: Conditions) -> Statement:
        """For conditions that many tasks meet: read in the order until the page is full."""
        by = self._keys
        if self.sort == "updated" and visibility.sees_links:
            first = first_of_all(visibility, conditions, self.offset + self.limit)
            conditions = [Task.id.in_(first)]
        if self.sort == "updated":
            by = [moment_of(visibility).desc(), *by]
        statement = select(Task, User.name, null()).outerjoin(User, User.id == Task.assignee_id)
        return self._cut(statement.where(*conditions).order_by(*by))

    @property
    def _keys(self) -> list[Any]:
        """The order as far as the task's columns make it."""
        if self.sort == "due":
            return [Task.due_date.is_(None), Task.due_date, Task.number]
        if self.sort == "title":
            return [func.lower(Task.title).asc(), Task.number.asc()]
        return [Task.number.asc() if self.sort == "oldest" else Task.number.desc()]

    def _cut(self, statement: Statement) -> Statement:
        return statement.limit(self.limit).offset(self.offset)
