"""The list of tasks: search, filters, order and pages."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from math import ceil
from typing import Any

from gitlab_links.accounts.people import Colleague
from gitlab_links.clock import utcnow
from gitlab_links.finding.list_query import ME, NO_ONE, LinkStateFilter, ListOrder, ListQuery
from gitlab_links.finding.task_list import TaskList, listed_tasks
from gitlab_links.pages.paging import page_in
from gitlab_links.pages.tasks.roll_up_marks import NEED_MARKS, Marks, marks_of
from gitlab_links.pages.wording import Mark
from gitlab_links.rollup.link_states import link_states, roll_up_of
from gitlab_links.rollup.needs import LinkState, Need
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.tasks.models import TaskStatus
from gitlab_links.tasks.summaries import TaskView

PAGE_SIZE = 25

STATUS_MARKS = {
    TaskStatus.OPEN: Mark("Open", "green", "issue-opened"),
    TaskStatus.IN_PROGRESS: Mark("In progress", "blue", "pipeline-running"),
    TaskStatus.DONE: Mark("Done", "gray", "check"),
}

STATUSES = (("", "Any"), *((status.value, mark.text) for status, mark in STATUS_MARKS.items()))
LINKS = (
    ("", "Any"),
    (LinkStateFilter.OPENED.value, "Open in GitLab"),
    (LinkStateFilter.DRAFT.value, "Draft"),
    (LinkStateFilter.MERGED.value, "Merged"),
    (LinkStateFilter.CLOSED.value, "Closed"),
    (LinkStateFilter.PROBLEM.value, "Sync problem"),
    (LinkStateFilter.NONE.value, "No links"),
)
TYPES = (("", "Any"), ("issue", "Issues"), ("merge_request", "Merge requests"))
NEEDS = (("", "Anything"), *((need.value, mark.text) for need, mark in NEED_MARKS.items()))
# Whoever sees no links sees this of a task.
NEEDS_OF_TASKS = tuple(one for one in NEEDS if one[0] in {"", Need.OVERDUE})
SORTS = (
    (ListOrder.NEWEST.value, "Newest"),
    (ListOrder.OLDEST.value, "Oldest"),
    (ListOrder.UPDATED.value, "Last updated"),
    (ListOrder.DUE.value, "Due date"),
    (ListOrder.TITLE.value, "Title"),
)


def needs(*, sees_links: bool) -> Sequence[tuple[str, str]]:
    """The choices of a need."""
    return NEEDS if sees_links else NEEDS_OF_TASKS


def assignees(people: Sequence[Colleague], chosen: str) -> list[tuple[str, str]]:
    """The choices of an assignee, with the one who is chosen and has left."""
    names = [(str(person.id), person.name) for person in people]
    offered = [("", "Anybody"), (ME, "Me"), (NO_ONE, "Nobody"), *names]
    if chosen in dict(offered):
        return offered
    return [*offered, (chosen, "Somebody who has left")]


@dataclass(frozen=True, slots=True)
class Wanted(ListQuery):
    """The filters and the page asked for. A value that the form does not offer is ignored."""

    page: int = 1

    @classmethod
    def of(cls, args: Mapping[str, str], *, sees_links: bool) -> "Wanted":
        """Read the query string; link filters are ignored for viewers who may not see links."""
        return replace(cls.read(args, sees_links=sees_links), page=page_in(args))

    def as_query(self, org_id: uuid.UUID, page: int) -> dict[str, Any]:
        """The arguments of ``url_for`` for another page of the same list."""
        query: dict[str, Any] = {**self.arguments, "org_id": org_id}
        return {**query, "page": page} if page > 1 else query


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A row of the list; ``marks`` is None for viewers who may not see links.

    ``updated_at`` is when the task, its links or their items in GitLab last changed.
    """

    id: uuid.UUID
    reference: str
    title: str
    status: Mark
    assignee: str | None
    due_date: date | None
    is_late: bool
    updated_at: datetime
    marks: Marks | None
    has_links: bool


def find_tasks(visibility: Visibility, wanted: Wanted) -> tuple[Wanted, TaskList, list[TaskRow]]:
    """One page of tasks and its rows, in a fixed number of queries. Of a list that has not so many
    pages, it is the last one.
    """
    found = _page_of(visibility, wanted)
    if not found.tasks and wanted.page > 1:
        wanted = replace(wanted, page=max(1, ceil(found.total / PAGE_SIZE)))
        found = _page_of(visibility, wanted)
    links = link_states(visibility, [task.id for task in found.tasks])
    return wanted, found, [_row(task, links.get(task.id, ()), visibility) for task in found.tasks]


def _page_of(visibility: Visibility, wanted: Wanted) -> TaskList:
    return listed_tasks(
        visibility,
        wanted.filters(visibility.user_id),
        sort=wanted.sort,
        offset=(wanted.page - 1) * PAGE_SIZE,
        limit=PAGE_SIZE,
    )


def _row(task: TaskView, links: Sequence[LinkState], visibility: Visibility) -> TaskRow:
    moments = [task.updated_at]
    if visibility.sees_links:
        moments += [task.links_changed_at or task.updated_at]
        moments += [link.active_at for link in links if link.active_at is not None]
    return TaskRow(
        id=task.id,
        reference=task.reference,
        title=task.title,
        status=STATUS_MARKS[task.status],
        assignee=task.assignee,
        due_date=task.due_date,
        is_late=task.is_late(utcnow().date()),
        updated_at=max(moments),
        marks=marks_of(roll_up_of(task, links), links) if visibility.sees_links else None,
        has_links=bool(links),
    )
