"""The list of tasks as people ask for it: searched, filtered, sorted and in parts."""

import re
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.elements import UnaryExpression

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from gitlab_links.admin.wording import Mark, item_mark
from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemType
from gitlab_links.links.confidentiality import sees_all, withheld
from gitlab_links.links.freshness import SyncStatus
from gitlab_links.links.models import GitLabItem, TaskGitLabLink
from gitlab_links.links.queries import connection_of, links_of_tasks
from gitlab_links.links.views import LinkView
from gitlab_links.tasks.models import Task, TaskStatus

PAGE_SIZE = 25
MAX_SEARCH = 100
MAX_PAGE = 100_000

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
        page = args.get("page", "")
        return cls(
            q=args.get("q", "").strip()[:MAX_SEARCH].replace("\0", ""),
            status=_offered(args.get("status"), STATUSES),
            links=_offered(args.get("links"), LINKS) if sees_links else "",
            type=_offered(args.get("type"), TYPES) if sees_links else "",
            sort=_offered(args.get("sort"), SORTS) or "newest",
            page=min(int(page), MAX_PAGE) if re.fullmatch("[1-9][0-9]{0,8}", page) else 1,
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
class SummaryEntry:
    """So many links of a task in one state."""

    mark: Mark
    count: int
    text: str


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A line of the list; ``summary`` is empty for those who may not see links."""

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


def find_tasks(org_id: uuid.UUID, wanted: Wanted, *, sees_links: bool, viewer: Role) -> TaskPart:
    """The tasks asked for, in a fixed number of queries; ``viewer`` is who will see them."""
    task_key = db.session.scalars(select(Org.task_key).where(Org.id == org_id)).one()
    matching = _matching(org_id, task_key, wanted, viewer)
    total = db.session.scalar(select(func.count()).select_from(matching.subquery())) or 0
    tasks = db.session.scalars(
        matching.order_by(*_order(wanted.sort))
        .limit(PAGE_SIZE)
        .offset((wanted.page - 1) * PAGE_SIZE)
    ).all()
    ids = [task.id for task in tasks] if sees_links else []
    links = links_of_tasks(org_id, ids, viewer=viewer) if ids else {}
    rows = [
        TaskRow(
            reference=f"{task_key}-{task.number}",
            title=task.title,
            status=STATUS_MARKS[TaskStatus(task.status)],
            updated_at=task.updated_at,
            summary=summary(links.get(task.id, [])),
        )
        for task in tasks
    ]
    return TaskPart(rows, total, task_key)


_KINDS = {"issue": ("issue", "issues"), "merge_request": ("merge request", "merge requests")}
_WITHHELD = "confidential"
_SUMMARY_ORDER = ("opened", "locked", "merged", "closed", _WITHHELD, "")


def summary(links: Sequence[LinkView]) -> list[SummaryEntry]:
    """Links counted by type and state, merge requests first, problems last."""
    counts = Counter(
        (link.gitlab_type, _WITHHELD if link.withheld else link.state or "", link.draft)
        for link in links
    )

    def place(key: tuple[str, str, bool]) -> tuple[bool, int, bool]:
        return key[0] == "issue", _SUMMARY_ORDER.index(key[1]), key[2]

    entries = []
    for (kind, state, draft), count in sorted(counts.items(), key=lambda pair: place(pair[0])):
        mark = item_mark(kind, state or None, draft)
        words = mark.text.lower() if state else "not yet read"
        entries.append(SummaryEntry(mark, count, f"{count} {words} {_KINDS[kind][count != 1]}"))
    problems = sum(link.sync.status is SyncStatus.ERROR for link in links)
    if problems:
        mark = Mark("Sync problem", "red", "warning")
        text = f"{problems} {'link has' if problems == 1 else 'links have'} a sync problem"
        entries.append(SummaryEntry(mark, problems, text))
    return entries


def _offered(value: str | None, options: Sequence[tuple[str, str]]) -> str:
    return value if value in {option for option, _ in options} and value is not None else ""


def _matching(org_id: uuid.UUID, task_key: str, wanted: Wanted, viewer: Role) -> Select[Task]:
    statement = select(Task).where(Task.org_id == org_id)
    if wanted.q:
        statement = statement.where(_search(wanted.q, task_key))
    if wanted.status:
        statement = statement.where(Task.status == wanted.status)
    if wanted.links or wanted.type:
        statement = statement.where(_linked(org_id, wanted.links, wanted.type, viewer))
    return statement


def _search(q: str, task_key: str) -> ColumnElement[bool]:
    columns = (Task.title, Task.description)
    in_words = or_(*(column.icontains(q, autoescape=True) for column in columns))
    named = re.fullmatch(rf"(?:{re.escape(task_key)}-|#)?([1-9][0-9]{{0,8}})", q, re.IGNORECASE)
    return or_(in_words, Task.number == int(named.group(1))) if named else in_words


def _linked(org_id: uuid.UUID, state: str, kind: str, viewer: Role) -> ColumnElement[bool]:
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
    if told and not sees_all(connection_of(org_id), viewer):
        conditions.append(~withheld())
    if state == "problem":
        conditions.append(GitLabItem.error_code.is_not(None))
    elif state == "draft":
        conditions += [GitLabItem.state == "opened", GitLabItem.draft]
    elif state and state != "none":
        conditions.append(GitLabItem.state == state)
    found = exists().where(and_(*conditions))
    return ~found if state == "none" else found


def _order(sort: str) -> tuple[UnaryExpression[object] | InstrumentedAttribute[object], ...]:
    orders = {
        "newest": (Task.number.desc(),),
        "oldest": (Task.number.asc(),),
        "updated": (Task.updated_at.desc(), Task.number.desc()),
        "title": (func.lower(Task.title).asc(), Task.number.asc()),
    }
    return orders[sort]  # type: ignore[return-value]
