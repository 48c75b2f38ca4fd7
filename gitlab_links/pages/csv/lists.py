"""The lists of tasks and links as CSV files: filtered and withheld as on their pages."""

import uuid
from collections.abc import Iterator, Sequence
from functools import partial
from operator import attrgetter
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from sqlalchemy import ColumnElement

from gitlab_links.accounts.roles import Permission
from gitlab_links.finding.link_list import listed_links, task_references
from gitlab_links.finding.link_query import LinkQuery
from gitlab_links.finding.list_query import ListOrder, ListQuery
from gitlab_links.finding.task_pages import tasks_by_activity
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.links.link_filters import LinkFilter, LinkSort
from gitlab_links.links.link_views import LinkView
from gitlab_links.links.queries import links_page
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.csv.files import AT_ONCE, Rows, by_id, csv_file, in_parts
from gitlab_links.pages.form_fields import parsed
from gitlab_links.pages.links.org_links import ORDERS, Wanted
from gitlab_links.pages.rules.rule_words import calls_for, link_words
from gitlab_links.pages.rules.status_rules import dry_run_filter
from gitlab_links.pages.tasks.timeline import reader, rows_of
from gitlab_links.rollup.link_states import link_states, roll_up_of
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.rules.dry_run import DryRunTask, dry_run_page
from gitlab_links.rules.explanations import Explanation
from gitlab_links.tasks.orders import TaskSort, position_of
from gitlab_links.tasks.queries import task_at, tasks_page
from gitlab_links.tasks.summaries import TaskView
from gitlab_links.timeline.queries import Entry, Topic
from gitlab_links.waiting.queries import waiting_on

TASK = "/orgs/<uuid:org_id>/tasks/<reference>"
TASK_COLUMNS = (
    *("reference", "title", "status", "assignee", "due_date", "external_url", "description"),
    *("status_rule", "branch_name", "created_at", "updated_at", "id"),
)
ROLL_UP_COLUMNS = (
    *("merge_requests", "merged", "open_issues", "overdue", "failing", "conflicts"),
    *("changes_requested", "waiting_for_review", "ready", "approved", "draft"),
)
LINK_COLUMNS = (
    *("reference", "url", "gitlab_type", "title", "state", "draft", "confidential", "milestone"),
    *("due_date", "merge_status", "pipeline_status", "gitlab_created_at", "gitlab_updated_at"),
    *("closed_at", "merged_at", "project_path", "gitlab_iid", "created_at", "id"),
    *("comments", "pipeline_url"),
)
PEOPLE_COLUMNS = ("labels", "author", "assignees", "reviewers", "approved_by")
SYNC_COLUMNS = ("sync_status", "sync_error_code", "last_synced_at")
RULES = ("reference", "title", "status", "outcome")
WAITING = (
    *("reason", "since", "days", "reference", "title", "url", "merge_status"),
    "pipeline_status",
)
# Of the list's orders, those that go on behind a task.
_ORDERS: dict[str, TaskSort] = {
    ListOrder.NEWEST: TaskSort.CREATED_DESC,
    ListOrder.OLDEST: TaskSort.CREATED,
    ListOrder.TITLE: TaskSort.TITLE,
    ListOrder.DUE: TaskSort.DUE,
}
OF_LINKS = ("task", "task_title", *LINK_COLUMNS, *PEOPLE_COLUMNS, *SYNC_COLUMNS)


@pages.get("/orgs/<uuid:org_id>/tasks.csv")
@access(Permission.TASK_READ)
def tasks_csv(org_id: uuid.UUID) -> ResponseReturnValue:
    """The tasks that match, in the order of the page."""
    del org_id  # ``visibility`` has it
    visibility = Visibility.of(current_principal())
    wanted = ListQuery.read(request.args, sees_links=visibility.sees_links)
    filters = {**wanted.arguments, "sort": wanted.sort}
    conditions = list(wanted.filters(visibility.user_id).conditions(visibility))
    columns = (*TASK_COLUMNS, *ROLL_UP_COLUMNS, "needs") if visibility.sees_links else TASK_COLUMNS
    return csv_file("tasks", columns, _tasks(visibility, conditions, wanted.sort), filters)


def _tasks(
    visibility: Visibility, conditions: Sequence[ColumnElement[bool]], sort: str
) -> Iterator[Rows]:
    order, rows = _ORDERS.get(sort), partial(_task_rows, visibility)
    if order is None:
        return map(rows, tasks_by_activity(visibility, conditions, AT_ONCE))
    read = partial(tasks_page, visibility.org_id, conditions, sort=order)
    return in_parts(read, rows, partial(position_of, sort=order))


def _task_rows(visibility: Visibility, tasks: Sequence[TaskView]) -> Rows:
    own, counts = attrgetter(*TASK_COLUMNS), attrgetter(*ROLL_UP_COLUMNS)
    if not visibility.sees_links:
        return [own(task) for task in tasks]
    links = link_states(visibility, [task.id for task in tasks])
    found = [(task, roll_up_of(task, links.get(task.id, ()))) for task in tasks]
    return [(*own(task), *counts(sums), " ".join(sums.needs)) for task, sums in found]


@pages.get("/orgs/<uuid:org_id>/links.csv")
@access(Permission.LINK_READ)
def links_csv(org_id: uuid.UUID) -> ResponseReturnValue:
    """The links of all tasks that match, in the order of the page."""
    del org_id  # ``visibility`` has it
    visibility = Visibility.of(current_principal())
    wanted = Wanted.of(request.args)
    parts = _links(visibility, wanted.query, ORDERS[wanted.sort])
    return csv_file("links", OF_LINKS, parts, wanted.applied)


def _links(visibility: Visibility, wanted: LinkQuery, sort: LinkSort) -> Iterator[Rows]:
    after = None
    while True:
        found = listed_links(visibility, wanted, sort=sort, after=after, limit=AT_ONCE)
        after = found.next
        tasks = task_references(visibility, found.links)
        yield [_link_row(link, tasks.get(link.task_id, "")) for link in found.links]
        if after is None:
            return


@pages.get(f"{TASK}/links.csv")
@access(Permission.LINK_READ)
def task_links_csv(org_id: uuid.UUID, reference: str) -> ResponseReturnValue:
    """The links of a task, the oldest first; of a withheld item its reference alone."""
    task, principal = task_at(org_id, reference), current_principal()
    read = partial(links_page, org_id, LinkFilter(task_id=task.id), viewer=principal.role)

    def rows(links: Sequence[LinkView]) -> Rows:
        return [_link_row(link, task.reference) for link in links]

    return csv_file(f"{task.reference}-links", OF_LINKS, in_parts(read, rows, by_id))


def _link_row(link: LinkView, task: str) -> Sequence[Any]:
    names = [", ".join(str(label["name"]) for label in link.labels or ())]
    people = ([link.author] if link.author else [], link.assignees, link.reviewers)
    names += [", ".join(str(one["username"]) for one in some or ()) for some in people]
    names.append(", ".join(link.approved_by))
    sync = (link.sync.status, link.sync.error_code, link.sync.last_synced_at)
    return task, link.task_title, *attrgetter(*LINK_COLUMNS)(link), *names, *sync


@pages.get(f"{TASK}/timeline.csv")
@access(Permission.LINK_READ)
def task_timeline_csv(org_id: uuid.UUID, reference: str) -> ResponseReturnValue:
    """What happened to a task, the newest first, with the words of the page."""
    task, visibility = task_at(org_id, reference), Visibility.of(current_principal())
    topic = parsed(Topic, request.args.get("topic", ""))
    read = reader(visibility, task.id, topic)

    def rows(entries: Sequence[Entry]) -> Rows:
        words = rows_of(task.id, entries)
        return [
            (row.at, entry.event.type, row.who, row.sentence, row.reference, row.url, row.id)
            for entry, row in zip(entries, words, strict=True)
        ]

    columns = ("at", "type", "who", "what", "item", "url", "id")
    parts = in_parts(read, rows, by_id)
    return csv_file(f"{task.reference}-timeline", columns, parts, {"topic": topic})


@pages.get("/orgs/<uuid:org_id>/waiting.csv")
@access(Permission.LINK_READ)
def waiting_csv(org_id: uuid.UUID) -> ResponseReturnValue:
    """What waits on the viewer."""
    waiting = waiting_on(org_id, current_principal().user_id).waiting
    own = attrgetter(*WAITING)
    rows = [(*own(one), " ".join(task.reference for task in one.tasks)) for one in waiting]
    return csv_file("waiting", (*WAITING, "tasks"), iter([rows]))


@pages.get("/orgs/<uuid:org_id>/status-rules.csv")
@access(Permission.RULES_READ)
def status_rules_csv(org_id: uuid.UUID) -> ResponseReturnValue:
    """What the rules would do with each task that matches, the newest first; none while off."""
    del org_id  # the caller has it
    outcome, q = dry_run_filter(request.args)
    read = partial(dry_run_page, Visibility.of(current_principal()), outcome, q)

    def rows(tasks: Sequence[DryRunTask]) -> Rows:
        return [(*attrgetter(*RULES)(task), *_why(task.explanation), task.id) for task in tasks]

    columns, filters = (*RULES, "why", "links", "id"), {"outcome": outcome, "q": q}
    return csv_file("status-rules", columns, in_parts(read, rows, by_id), filters)


def _why(explanation: Explanation) -> tuple[str, str]:
    links = (f"{link.reference}: {link_words(link)}" for link in explanation.links)
    return calls_for(explanation), "; ".join(links)
