"""A page of the matching tasks, in any order, by number."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, case, false, func, select

from gitlab_links.accounts.models import Org, User
from gitlab_links.extensions import db
from gitlab_links.finding.task_filters import TaskQuery
from gitlab_links.links.confidentiality import withheld
from gitlab_links.links.models import GitLabItem, TaskGitLabLink
from gitlab_links.rollup.sight import Sight
from gitlab_links.storage.database import UtcDateTime
from gitlab_links.tasks.models import Task
from gitlab_links.tasks.summaries import TaskView, task_view


@dataclass(frozen=True, slots=True)
class TaskList:
    """A page of the matching tasks, the number of matches, and the key of their references."""

    tasks: Sequence[TaskView]
    total: int
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
    counted = select(func.count()).select_from(Task).where(*conditions)
    total = db.session.scalar(counted) or 0
    statement = select(Task, User.name).outerjoin(User, User.id == Task.assignee_id)
    ordered = _ordered(statement.where(*conditions), sort, sight)
    rows = db.session.execute(ordered.limit(limit).offset(offset))
    tasks = [task_view(task, task_key, name, template) for task, name in rows]
    return TaskList(tasks, total, task_key)


def _ordered(statement: Select[*tuple[Any, ...]], sort: str, sight: Sight) -> Select[Any, Any]:
    if sort == "updated":
        if sight.sees_links:
            active = _activity_by_task(sight).c
            statement = statement.outerjoin(active.active_at.table, active.task_id == Task.id)
            moment = _latest(Task.links_changed_at, active.active_at)
        else:
            moment = _latest()
        return statement.order_by(moment.desc(), Task.number.desc())
    if sort == "due":
        return statement.order_by(Task.due_date.is_(None), Task.due_date, Task.number.desc())
    if sort == "title":
        return statement.order_by(func.lower(Task.title).asc(), Task.number.asc())
    return statement.order_by(Task.number.asc() if sort == "oldest" else Task.number.desc())


def _activity_by_task(sight: Sight) -> Subquery:
    """GitLab's newest time of each task's items, as far as the caller may see it."""
    hidden: ColumnElement[bool] = false() if sight.sees_all else withheld()
    seen = case((~hidden, GitLabItem.source_updated_at))
    return (
        select(TaskGitLabLink.task_id, func.max(seen).label("active_at"))
        .join(TaskGitLabLink.item)
        .where(TaskGitLabLink.org_id == sight.org_id)
        .group_by(TaskGitLabLink.task_id)
        .subquery()
    )


def _latest(*moments: Any) -> ColumnElement[Any]:
    """The latest of the task's own time and the given times, which may be null."""
    if not moments:
        return Task.updated_at.expression
    known = [func.coalesce(moment, Task.updated_at) for moment in moments]
    name = "greatest" if db.engine.dialect.name == "postgresql" else "max"
    greatest = getattr(func, name)
    return greatest(Task.updated_at, *known, type_=UtcDateTime())  # type: ignore[no-any-return]
