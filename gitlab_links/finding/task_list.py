"""A page of the matching tasks, in any order, by number.

What a list costs does not grow with the org: see docs/adr.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, func, or_, select, true, union
from sqlalchemy.orm import aliased

from gitlab_links.accounts.models import Org, User
from gitlab_links.extensions import db
from gitlab_links.finding.task_filters import TaskQuery
from gitlab_links.links.confidentiality import withheld
from gitlab_links.links.models import GitLabItem, TaskGitLabLink
from gitlab_links.rollup.sight import Sight
from gitlab_links.storage.database import UtcDateTime
from gitlab_links.tasks.models import Task
from gitlab_links.tasks.summaries import TaskView, task_view

# More matches of a common filter are not counted.
COUNTED = 2000
Conditions = Sequence[ColumnElement[bool]]
Statement = Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class TaskList:
    """A page of the matching tasks, the number of matches, and the key of their references.

    ``total`` is at most ``COUNTED`` if there ``are_more``.
    """

    tasks: Sequence[TaskView]
    total: int
    are_more: bool
    task_key: str


def listed_tasks(
    sight: Sight, wanted: TaskQuery, *, sort: str, offset: int, limit: int
) -> TaskList:
    """The tasks from ``offset`` on, in three statements.

    ``sort`` is ``newest``, ``oldest``, ``updated``, ``due`` or ``title``.
    """
    naming = select(Org.task_key, Org.branch_template).where(Org.id == sight.org_id)
    task_key, template = db.session.execute(naming).one()
    conditions = list(wanted.conditions(sight))
    if wanted.narrows:
        # Matching is most of the work: it is done once, for the count and the page.
        matching = select(Task.id).where(*conditions).cte("matching")
        conditions = [Task.id.in_(select(matching.c.id))]
        counted: ScalarSelect[int] = select(func.count()).select_from(matching).scalar_subquery()
        total = None
    else:
        total = _count(conditions, wanted)
        counted = select(func.count()).where(~true()).scalar_subquery()
    statement = select(Task, User.name, counted).outerjoin(User, User.id == Task.assignee_id)
    if sort == "updated":
        end = None if wanted.narrows else offset + limit
        ordered = _by_activity(statement, conditions, sight, end)
    else:
        ordered = _ordered(statement, conditions, sort)
    rows = db.session.execute(ordered.limit(limit).offset(offset)).all()
    if total is None:
        total = rows[0][2] if rows else _count(conditions, wanted)
    tasks = [task_view(task, task_key, name, template) for task, name, _ in rows]
    are_more = wanted.is_common and total > COUNTED
    return TaskList(tasks, min(total, COUNTED) if are_more else total, are_more, task_key)


def _count(conditions: Conditions, wanted: TaskQuery) -> int:
    if not wanted.is_common:
        return db.session.scalar(select(func.count()).select_from(Task).where(*conditions)) or 0
    some = select(Task.id).where(*conditions).limit(COUNTED + 1).subquery()
    return db.session.scalar(select(func.count()).select_from(some)) or 0


def _ordered(
    statement: Statement,
    conditions: Conditions,
    sort: str,
) -> Statement:
    statement = statement.where(*conditions)
    if sort == "due":
        return statement.order_by(Task.due_date.is_(None), Task.due_date, Task.number)
    if sort == "title":
        return statement.order_by(func.lower(Task.title).asc(), Task.number.asc())
    return statement.order_by(Task.number.asc() if sort == "oldest" else Task.number.desc())


def _by_activity(
    statement: Statement, conditions: Conditions, sight: Sight, end: int | None
) -> Statement:
    """The latest change of a task, its links or its items first, as far as the caller sees them.

    Of many tasks only those are compared that are among the first ``end`` by one of the three;
    None compares all.
    """
    if not sight.sees_links:
        return statement.where(*conditions).order_by(Task.updated_at.desc(), Task.number.desc())
    moment = _latest(Task.links_changed_at, _active_at(sight))
    if end:
        last = (Task.updated_at, Task.links_changed_at)
        first = [
            select(Task.id)
            .where(*conditions, by.is_not(None))
            .order_by(by.desc())
            .limit(end)
            .subquery()
            for by in last
        ]
        first.append(_by_items(conditions, sight, end).subquery())
        conditions = [Task.id.in_(union(*(select(one.c.id) for one in first)))]
    return statement.where(*conditions).order_by(moment.desc(), Task.number.desc())


def _active_at(sight: Sight) -> ScalarSelect[Any]:
    """GitLab's newest time of a task's items."""
    seen = () if sight.sees_all else (~withheld(),)
    return (
        select(func.max(GitLabItem.source_updated_at))
        .join(TaskGitLabLink, TaskGitLabLink.item_id == GitLabItem.id)
        .where(TaskGitLabLink.task_id == Task.id, *seen)
        .correlate(Task)
        .scalar_subquery()
    )


def _by_items(conditions: Conditions, sight: Sight, end: int) -> Select[Any]:
    """The first tasks by their items, read in the order of an index: each task where its newest
    item is.
    """
    seen = () if sight.sees_all else (~withheld(),)
    # The org is the item's: by the condition over tasks, SQLite would begin with all tasks.
    of_org = Task.org_id == sight.org_id
    others = [one for one in conditions if not one.compare(of_org)]
    link, item = aliased(TaskGitLabLink), aliased(GitLabItem)
    later = or_(
        item.source_updated_at > GitLabItem.source_updated_at,
        and_(item.source_updated_at == GitLabItem.source_updated_at, item.id > GitLabItem.id),
    )
    if not sight.sees_all:
        later = and_(later, ~withheld(item))
    newer = (
        select(link.id)
        .join(item, item.id == link.item_id)
        .where(link.task_id == Task.id, later)
        .correlate(Task, GitLabItem)
        .exists()
    )
    return (
        select(Task.id)
        .select_from(GitLabItem)
        .join(TaskGitLabLink, TaskGitLabLink.item_id == GitLabItem.id)
        .join(Task, Task.id == TaskGitLabLink.task_id)
        .where(GitLabItem.org_id == sight.org_id, GitLabItem.source_updated_at.is_not(None))
        .where(*others, *seen, ~newer)
        .order_by(GitLabItem.source_updated_at.desc())
        .limit(end)
    )


def _latest(*moments: Any) -> ColumnElement[Any]:
    """The latest of the task's own time and the given times, which may be null."""
    known = [func.coalesce(moment, Task.updated_at) for moment in moments]
    name = "greatest" if db.engine.dialect.name == "postgresql" else "max"
    greatest = getattr(func, name)
    return greatest(Task.updated_at, *known, type_=UtcDateTime())  # type: ignore[no-any-return]
