"""The order *last activity*: the latest change of a task, its links or its items comes first.

Nothing is stored for it. What was withheld from the caller counts for nothing.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    ScalarSelect,
    Select,
    and_,
    func,
    literal,
    or_,
    select,
    true,
    union,
    union_all,
)
from sqlalchemy.orm import aliased

from gitlab_links.extensions import db
from gitlab_links.links.confidentiality import withheld
from gitlab_links.links.models import GitLabItem, TaskGitLabLink
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.storage.database import UtcDateTime
from gitlab_links.tasks.models import Task

# So few tasks are compared with each other: that takes less than finding the newest ones.
FEW = 1_000
# So many of the newest tasks and items are read for those that match.
NEWEST_TASKS, NEWEST_ITEMS = 2_500, 10_000
# So many are tested one by one, before anything is read of all that match.
RECENT_TASKS, RECENT_ITEMS = 300, 1_500
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
Conditions = Sequence[ColumnElement[bool]]


def moment_of(visibility: Visibility) -> ColumnElement[Any]:
    """A task's last activity, as far as the caller sees it."""
    if not visibility.sees_links:
        return Task.updated_at.expression
    seen = () if visibility.sees_all else (~withheld(),)
    of_items = (
        select(func.max(GitLabItem.source_updated_at))
        .join(TaskGitLabLink, TaskGitLabLink.item_id == GitLabItem.id)
        .where(TaskGitLabLink.task_id == Task.id, *seen)
        .correlate(Task)
        .scalar_subquery()
    )
    known = [func.coalesce(moment, Task.updated_at) for moment in (Task.links_changed_at, of_items)]
    return _greatest(Task.updated_at, *known)


def first_of_all(visibility: Visibility, conditions: Conditions, end: int) -> Select[Any]:
    """The ids of tasks among which are the first ``end`` of those that meet the conditions.

    For conditions that many tasks meet: the orders of task, links and items are read until so
    many match.
    """
    return _ids_of(_newest(visibility, conditions, end))


def first_of(visibility: Visibility, matching: CTE, end: int) -> Select[Any]:
    """The id, number and ``moment`` of tasks among which are the first ``end`` of the ``matching``.

    If many match, they are looked for among the newest tasks and items. If too few of them are
    there, all that match are compared.
    """
    every, moment = compared(visibility, matching), moment_of(visibility).label("moment")
    if not visibility.sees_links:
        return every
    since = _since(visibility)
    conditions = [Task.org_id == visibility.org_id, _size_of(matching) > FEW]
    found = _ids_of(_newest(visibility, conditions, end, since, matching))
    # What was read has every task with a later moment than the oldest that was read of each.
    first = (
        select(Task.id, Task.number, moment)
        .where(Task.id.in_(found), moment_of(visibility) >= _greatest(*since))
        .cte("first")
    )
    are_enough = _size_of(first) >= end
    both = union_all(select(*first.c).where(are_enough), every.where(~are_enough)).subquery()
    return select(*both.c)


def compared(visibility: Visibility, matching: CTE) -> Select[Any]:
    """The id, number and ``moment`` of all that are ``matching``, for few."""
    moment = moment_of(visibility).label("moment")
    return select(*matching.c, moment).join(Task, Task.id == matching.c.id)


def are_recent(visibility: Visibility, times: int = 1) -> list[ColumnElement[bool]]:
    """Whether a task is one of the first by its last activity: of some hundred in a large org,
    ``times`` as many.
    """
    of_org = Task.org_id == visibility.org_id
    orders = [Task.updated_at, *([Task.links_changed_at] if visibility.sees_links else [])]
    tasks, items = RECENT_TASKS * times, RECENT_ITEMS * times
    first: list[Select[Any]] = [
        select(Task.id).where(of_org, by.is_not(None)).order_by(by.desc()).limit(tasks)
        for by in orders
    ]
    since = [_nth(by, of_org, tasks) for by in orders]
    if visibility.sees_links:
        first.append(_with_recent_items(visibility, items))
        at = GitLabItem.source_updated_at
        since.append(_nth(at, GitLabItem.org_id == visibility.org_id, items))
    # What is read has every task with a later moment than what comes next in each order.
    latest = _greatest(*since) if len(since) > 1 else since[0]
    return [Task.id.in_(_ids_of(first)), moment_of(visibility) > latest]


def _with_recent_items(visibility: Visibility, count: int) -> Select[Any]:
    at, seen = GitLabItem.source_updated_at, () if visibility.sees_all else (~withheld(),)
    items = select(GitLabItem.id).where(
        GitLabItem.org_id == visibility.org_id, at.is_not(None), *seen
    )
    newest = items.order_by(at.desc()).limit(count).subquery()
    link = TaskGitLabLink
    if db.engine.dialect.name == "sqlite":
        return select(link.task_id.label("id")).join(newest, newest.c.id == link.item_id)
    # Item by item: PostgreSQL would read all links for some thousand items.
    of_item = select(link.task_id.label("id")).where(link.item_id == newest.c.id)
    tasks = of_item.offset(0).lateral()
    return select(tasks.c.id).select_from(newest.join(tasks, true()))


def _newest(
    visibility: Visibility,
    conditions: Conditions,
    end: int,
    since: Sequence[Any] = (),
    among: CTE | None = None,
) -> list[Select[Any]]:
    """The first ``end`` tasks by each of the three, not before ``since``, only those ``among``."""
    orders = (Task.updated_at, Task.links_changed_at)
    of_tasks, of_links, of_items = since or (None, None, None)
    found = [
        select(Task.id)
        .where(*conditions, *_is_among(Task.id, among))
        .where(by.is_not(None), *([] if first is None else [by >= first]))
        .order_by(by.desc())
        .limit(end)
        for by, first in zip(orders, (of_tasks, of_links), strict=True)
    ]
    by_items = _by_items(visibility, of_items).limit(end)
    # The org is the item's: by the condition over tasks, SQLite would begin with all tasks.
    of_org = Task.org_id == visibility.org_id
    others = [one for one in conditions if not one.compare(of_org)]
    if among is not None:
        by_items = by_items.where(*others, *_is_among(TaskGitLabLink.task_id, among))
    elif others:
        by_items = by_items.join(Task, Task.id == TaskGitLabLink.task_id).where(*others)
    return [*found, by_items]


def _is_among(task_id: Any, found: CTE | None) -> list[ColumnElement[bool]]:
    """ "Is true" has both databases test it row by row, in the order that is read."""
    return [] if found is None else [task_id.in_(select(found.c.id)).is_(true())]


def _by_items(visibility: Visibility, since: ColumnElement[Any] | None) -> Select[Any]:
    """The tasks by their items, read in the order of an index: each task where its newest item
    is.
    """
    seen = () if visibility.sees_all else (~withheld(),)
    link, item = aliased(TaskGitLabLink), aliased(GitLabItem)
    at = GitLabItem.source_updated_at
    later = or_(
        item.source_updated_at > at,
        and_(item.source_updated_at == at, item.id > GitLabItem.id),
    )
    if not visibility.sees_all:
        later = and_(later, ~withheld(item))
    newer = (
        select(link.id)
        .join(item, item.id == link.item_id)
        .where(link.task_id == TaskGitLabLink.task_id, later)
        .correlate(TaskGitLabLink, GitLabItem)
        .exists()
    )
    return (
        select(TaskGitLabLink.task_id.label("id"))
        .select_from(GitLabItem)
        .join(TaskGitLabLink, TaskGitLabLink.item_id == GitLabItem.id)
        .where(GitLabItem.org_id == visibility.org_id, at.is_not(None), *seen, ~newer)
        .where(*([] if since is None else [at >= since]))
        .order_by(at.desc())
    )


def _since(visibility: Visibility) -> tuple[ColumnElement[Any], ...]:
    """How far back each order is read."""
    of_org = Task.org_id == visibility.org_id
    return (
        _nth(Task.updated_at, of_org, NEWEST_TASKS),
        _nth(Task.links_changed_at, of_org, NEWEST_TASKS),
        _nth(GitLabItem.source_updated_at, GitLabItem.org_id == visibility.org_id, NEWEST_ITEMS),
    )


def _nth(at: Any, of_org: ColumnElement[bool], place: int) -> ColumnElement[Any]:
    """The moment at this place of the order; if there are fewer, one before all."""
    there = select(at).where(of_org, at.is_not(None)).order_by(at.desc()).limit(1).offset(place)
    return func.coalesce(there.scalar_subquery(), literal(_LONG_AGO, UtcDateTime()))


def _size_of(found: CTE) -> ScalarSelect[int]:
    return select(func.count()).select_from(found).scalar_subquery()


def _ids_of(parts: Sequence[Select[Any]]) -> Select[Any]:
    subqueries = [part.subquery() for part in parts]
    both = union(*(select(one.c.id) for one in subqueries)).subquery()
    return select(both.c.id)


def _greatest(*moments: Any) -> ColumnElement[Any]:
    name = "greatest" if db.engine.dialect.name == "postgresql" else "max"
    greatest = getattr(func, name)
    return greatest(*moments, type_=UtcDateTime())  # type: ignore[no-any-return]
