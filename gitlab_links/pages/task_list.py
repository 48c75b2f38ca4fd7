"""The list of tasks as people ask for it: searched, filtered, sorted and in parts."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemType
from gitlab_links.links.confidentiality import sees_all, withheld
from gitlab_links.links.freshness import GONE, Connection
from gitlab_links.links.models import GitLabItem, TaskGitLabLink
from gitlab_links.links.queries import connection_of
from gitlab_links.links.summaries import LinkCount, activity_by_task, link_counts
from gitlab_links.pages.link_summary import SummaryEntry, summary
from gitlab_links.pages.paging import page_in
from gitlab_links.pages.wording import Mark
from gitlab_links.storage.database import UtcDateTime
from gitlab_links.tasks.models import Task, TaskStatus
from gitlab_links.tasks.references import matches
from gitlab_links.tasks.summaries import task_reference

PAGE_SIZE = 25
MAX_SEARCH = 100

STATUS_MARKS = {
    TaskStatus.OPEN: Mark("Open", "green", "issue-opened"),
    TaskStatus.IN_PROGRESS: Mark("In progress", "blue", "pipeline-running"),
    TaskStatus.DONE: Mark("Done", "gray", "check"),
}

STATUSES = (("", "Any"), *((status.value, mark.text) for status, mark in STATUS_MARKS.items()))
LINKS = (
    ("", "Any"),
    ("opened", "Open in GitLab"),
    ("draft", "Draft"),
    ("merged", "Merged"),
    ("closed", "Closed"),
    ("problem", "Sync problem"),
    ("none", "No links"),
)
TYPES = (("", "Any"), ("issue", "Issues"), ("merge_request", "Merge requests"))
SORTS = (
    ("newest", "Newest"),
    ("oldest", "Oldest"),
    ("updated", "Last updated"),
    ("title", "Title"),
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to show. A value nobody offered counts as none."""

    q: str = ""
    status: str = ""
    links: str = ""
    type: str = ""
    sort: str = "newest"
    page: int = 1

    @classmethod
    def of(cls, args: Mapping[str, str], *, sees_links: bool) -> "Wanted":
        """Read a query string; filters by link are not for those who may not see links."""
        return cls(
            q=args.get("q", "").strip()[:MAX_SEARCH].replace("\0", ""),
            status=_offered(args.get("status"), STATUSES),
            links=_offered(args.get("links"), LINKS) if sees_links else "",
            type=_offered(args.get("type"), TYPES) if sees_links else "",
            sort=_offered(args.get("sort"), SORTS) or "newest",
            page=page_in(args),
        )

    @property
    def narrows(self) -> bool:
        """Whether it leaves any task out."""
        return bool(self.q or self.status or self.links or self.type)

    def as_query(self, org_id: uuid.UUID, page: int) -> dict[str, Any]:
        """What names another part of the same list."""
        told: dict[str, Any] = {
            name: value
            for name in ("q", "status", "links", "type")
            if (value := getattr(self, name))
        }
        told["org_id"] = org_id
        if self.sort != "newest":
            told["sort"] = self.sort
        return {**told, "page": page} if page > 1 else told


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who will see the list: their role, and whether it may see links at all.

    ``connection`` says what of an item is withheld from the role.
    """

    role: Role
    sees_links: bool
    connection: Connection

    @classmethod
    def of(cls, org_id: uuid.UUID, role: Role, *, sees_links: bool) -> "Viewer":
        """The viewer as the org's policy has it now."""
        return cls(role, sees_links, connection_of(org_id))


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A line of the list; ``summary`` is empty for those who may not see links.

    ``updated_at`` is when the task, its links, or what they lead to in GitLab last changed.
    """

    id: uuid.UUID
    reference: str
    title: str
    status: Mark
    updated_at: datetime
    summary: Sequence[SummaryEntry]


@dataclass(frozen=True, slots=True)
class TaskPart:
    """One part of the list and the number of tasks in all of it."""

    rows: Sequence[TaskRow]
    total: int
    task_key: str


def find_tasks(org_id: uuid.UUID, wanted: Wanted, viewer: Viewer) -> TaskPart:
    """The tasks asked for, in a fixed number of queries."""
    task_key = db.session.scalars(select(Org.task_key).where(Org.id == org_id)).one()
    matching = _matching(org_id, wanted, viewer)
    total = db.session.scalar(select(func.count()).select_from(matching.subquery())) or 0
    tasks = db.session.scalars(
        _ordered(matching, org_id, wanted.sort, viewer)
        .limit(PAGE_SIZE)
        .offset((wanted.page - 1) * PAGE_SIZE)
    ).all()
    ids = [task.id for task in tasks] if viewer.sees_links else []
    links = link_counts(org_id, ids, viewer.connection, viewer.role) if ids else {}
    rows = [_row(task, task_key, links.get(task.id, ()), viewer) for task in tasks]
    return TaskPart(rows, total, task_key)


def _row(task: Task, task_key: str, links: Sequence[LinkCount], viewer: Viewer) -> TaskRow:
    moments = [task.updated_at]
    if viewer.sees_links:
        moments += [task.links_changed_at or task.updated_at]
        moments += [link.active_at for link in links if link.active_at is not None]
    return TaskRow(
        id=task.id,
        reference=task_reference(task_key, task.number),
        title=task.title,
        status=STATUS_MARKS[TaskStatus(task.status)],
        updated_at=max(moments),
        summary=summary(links),
    )


def _offered(value: str | None, options: Sequence[tuple[str, str]]) -> str:
    return value if value in {option for option, _ in options} and value is not None else ""


def _matching(org_id: uuid.UUID, wanted: Wanted, viewer: Viewer) -> Select[Task]:
    statement = select(Task).where(Task.org_id == org_id)
    if wanted.q:
        statement = statement.where(matches(wanted.q))
    if wanted.status:
        statement = statement.where(Task.status == wanted.status)
    if wanted.links or wanted.type:
        statement = statement.where(_linked(wanted.links, wanted.type, viewer))
    return statement


def _linked(state: str, kind: str, viewer: Viewer) -> ColumnElement[bool]:
    """Tasks with a link of that state and kind; ``none`` is the lack of any such link.

    The state of an item withheld from the viewer cannot be found out by asking for it.
    """
    conditions: list[Any] = [
        TaskGitLabLink.task_id == Task.id,
        GitLabItem.id == TaskGitLabLink.item_id,
    ]
    if kind:
        conditions.append(GitLabItem.type == ItemType(kind).value)
    told = state not in {"", "none", "problem"}
    if told and not sees_all(viewer.connection, viewer.role):
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
    if sort == "title":
        return statement.order_by(func.lower(Task.title).asc(), Task.number.asc())
    return statement.order_by(Task.number.asc() if sort == "oldest" else Task.number.desc())


def _latest(*moments: Any) -> ColumnElement[Any]:
    """The latest of the task's own time and of others, which may be null."""
    if not moments:
        return Task.updated_at.expression
    known = [func.coalesce(moment, Task.updated_at) for moment in moments]
    name = "greatest" if db.engine.dialect.name == "postgresql" else "max"
    greatest = getattr(func, name)
    return greatest(Task.updated_at, *known, type_=UtcDateTime())  # type: ignore[no-any-return]
