"""List tasks, filtered by their links, sorted and in pages."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select

from gitlab_links.accounts.models import Org, User
from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemType
from gitlab_links.links.confidentiality import sees_all, withheld
from gitlab_links.links.freshness import GONE, Connection
from gitlab_links.links.models import GitLabItem, TaskGitLabLink
from gitlab_links.links.summaries import activity_by_task
from gitlab_links.storage.database import UtcDateTime
from gitlab_links.tasks.models import Task, TaskStatus
from gitlab_links.tasks.references import matches
from gitlab_links.tasks.summaries import TaskView, task_view


@dataclass(frozen=True, slots=True)
class TaskQuery:
    """The filter and order of tasks; an empty text does not filter.

    ``links`` is a state of an item, ``draft``, ``problem``, or ``none`` for tasks without such
    a link; ``type`` is a type of item; ``sort`` is ``newest``, ``oldest``, ``updated``, ``due``
    or ``title``. ``assignee`` is a user's id, ``me`` or ``none``; ``due`` is ``overdue``.
    """

    q: str = ""
    status: str = ""
    links: str = ""
    type: str = ""
    assignee: str = ""
    due: str = ""
    sort: str = "newest"


@dataclass(frozen=True, slots=True)
class Viewer:
    """The viewer of a list: the person, the role, and whether it may see links at all.

    ``connection`` decides which items are withheld from the role.
    """

    user_id: uuid.UUID
    role: Role
    sees_links: bool
    connection: Connection


@dataclass(frozen=True, slots=True)
class TaskList:
    """A page of the matching tasks, the number of matches, and the key of their references."""

    tasks: Sequence[TaskView]
    total: int
    task_key: str


def listed_tasks(
    org_id: uuid.UUID, wanted: TaskQuery, viewer: Viewer, *, offset: int, limit: int
) -> TaskList:
    """The tasks from ``offset`` on, in three statements."""
    naming = select(Org.task_key, Org.branch_template).where(Org.id == org_id)
    task_key, template = db.session.execute(naming).one()
    matching = _matching(org_id, wanted, viewer)
    total = db.session.scalar(select(func.count()).select_from(matching.subquery())) or 0
    ordered = _ordered(matching, org_id, wanted.sort, viewer)
    named = ordered.outerjoin(User, User.id == Task.assignee_id).add_columns(User.name)
    rows = db.session.execute(named.limit(limit).offset(offset))
    tasks = [task_view(task, task_key, name, template) for task, name in rows]
    return TaskList(tasks, total, task_key)


def _matching(org_id: uuid.UUID, wanted: TaskQuery, viewer: Viewer) -> Select[Task]:
    statement = select(Task).where(Task.org_id == org_id)
    if wanted.q:
        statement = statement.where(matches(wanted.q))
    if wanted.status:
        statement = statement.where(Task.status == wanted.status)
    if wanted.assignee == "none":
        statement = statement.where(Task.assignee_id.is_(None))
    elif wanted.assignee:
        wants_me = wanted.assignee == "me"
        assignee_id = viewer.user_id if wants_me else uuid.UUID(wanted.assignee)
        statement = statement.where(Task.assignee_id == assignee_id)
    if wanted.due == "overdue":
        late = Task.due_date < utcnow().date()
        statement = statement.where(late, Task.status != TaskStatus.DONE.value)
    if wanted.links or wanted.type:
        statement = statement.where(_linked(wanted.links, wanted.type, viewer))
    return statement


def _linked(state: str, kind: str, viewer: Viewer) -> ColumnElement[bool]:
    """Tasks with a link of that state and kind; ``none`` means tasks without such a link.

    The filter cannot reveal the state of an item that is withheld from the viewer.
    """
    conditions: list[Any] = [
        TaskGitLabLink.task_id == Task.id,
        GitLabItem.id == TaskGitLabLink.item_id,
    ]
    if kind:
        conditions.append(GitLabItem.type == ItemType(kind).value)
    reads_state = state not in {"", "none", "problem"}
    if reads_state and not sees_all(viewer.connection, viewer.role):
        conditions.append(~withheld())
    if state == "problem":
        code = GitLabItem.error_code
        conditions.append(code.is_not(None))
        if not sees_all(viewer.connection, viewer.role):
            conditions.append(or_(~withheld(), code.in_(GONE)))
    elif state == "draft":
        conditions += [GitLabItem.state == "opened", GitLabItem.draft]
    elif state and state != "none":
        conditions.append(GitLabItem.state == state)
    found = exists().where(and_(*conditions))
    return ~found if state == "none" else found


def _ordered(statement: Select[Task], org_id: uuid.UUID, sort: str, viewer: Viewer) -> Select[Task]:
    if sort == "updated":
        if viewer.sees_links:
            active = activity_by_task(org_id, viewer.connection, viewer.role).c
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


def _latest(*moments: Any) -> ColumnElement[Any]:
    """The latest of the task's own time and the given times, which may be null."""
    if not moments:
        return Task.updated_at.expression
    known = [func.coalesce(moment, Task.updated_at) for moment in moments]
    name = "greatest" if db.engine.dialect.name == "postgresql" else "max"
    greatest = getattr(func, name)
    return greatest(Task.updated_at, *known, type_=UtcDateTime())  # type: ignore[no-any-return]
