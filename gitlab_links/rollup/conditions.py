"""The needs of a task as SQL conditions, for filters. A test compares them with ``needs``."""

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, func, literal_column, or_, select, true

from gitlab_links.gitlab.items import ItemState, ItemType
from gitlab_links.links.confidentiality import maybe_withheld, withheld
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.links.waits import NOT_APPROVED
from gitlab_links.rollup.needs import (
    CHANGES_REQUESTED,
    CONFLICT_STATUSES,
    FAILED,
    NOT_WITH_REVIEWERS,
    OF_AN_ITEM,
    READY_STATUSES,
    Need,
)
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.tasks.models import TO_DO, Task, TaskStatus


def linked(
    visibility: Visibility,
    *conditions: ColumnElement[bool],
    withheld_too: bool = False,
    common: bool = False,
    each: bool = False,
    of_org: bool = True,
) -> ColumnElement[bool]:
    """Whether a task has a link to an item of these conditions that the caller sees.

    Few items meet most conditions: they are read first, by ``IN``. If they are ``common``, the
    tasks are read first, in the order of the list, until its page is full: ``EXISTS``. ``each``
    is for few tasks, which are tested one by one. ``of_org``
    is false if an index finds the items better without the org; the task's decides as well.
    """
    seen = () if visibility.sees_all or withheld_too else (~withheld(),)
    if common or each:
        return _one_of_its_links(*conditions, *seen, each=each)
    return Task.id.in_(
        select(TaskGitLabLink.task_id)
        .join(GitLabItem, GitLabItem.id == TaskGitLabLink.item_id)
        .where(*([GitLabItem.org_id == visibility.org_id] if of_org else []), *conditions, *seen)
    )


def has_need(
    need: Need, visibility: Visibility, today: date, *, each: bool = False
) -> ColumnElement[bool]:
    """Whether a task has the need; for a caller who sees no links, by the task alone. ``each``:
    tested task by task, for few tasks.
    """
    done = Task.status == TaskStatus.DONE.value
    to_do = Task.status.in_(TO_DO)
    if each:  # only checked: PostgreSQL would read all tasks of these statuses
        to_do = to_do.is_(true())
    late = and_(Task.due_date < today, to_do)
    if not visibility.sees_links:
        return late if need is Need.OVERDUE else ~true()
    if need is Need.OVERDUE:
        own = select(Task.id).where(Task.org_id == visibility.org_id, late)
        is_late = late if each else Task.id.in_(own)
        return or_(is_late, linked(visibility, item_has(need, today), each=each))
    if need in OF_AN_ITEM:
        return linked(visibility, item_has(need, today), each=each)
    if need is Need.STILL_OPEN:
        return and_(done, linked(visibility, is_open(), of_any_type(), each=each))
    if need is Need.NOTHING_LINKED:
        return and_(to_do, ~has_links())
    request = GitLabItem.type == ItemType.MERGE_REQUEST.value
    state = func.coalesce(GitLabItem.state, "")
    ended = (ItemState.MERGED.value, ItemState.CLOSED.value)
    seen = () if visibility.sees_all else (~withheld(),)
    return and_(
        to_do,
        # Most tasks that are not done fail this one.
        ~_one_of_its_links(request, state.not_in(ended), *seen, each=each),
        _one_of_its_links(request, GitLabItem.state == ItemState.MERGED.value, *seen, each=each),
    )


def has_links() -> ColumnElement[bool]:
    """Whether a task has a link, to any item."""
    return select(TaskGitLabLink.id).where(TaskGitLabLink.task_id == Task.id).exists()


def item_has(need: Need, today: date) -> ColumnElement[bool]:
    """``LinkState.has`` in SQL."""
    if need is Need.OVERDUE:
        return and_(is_open(), of_any_type(), GitLabItem.due_date < today)
    if need is Need.APPROVED:
        # It is a merge request: asked for that too, SQLite reads all that are open.
        return and_(is_open(), GitLabItem.approved)
    status = func.coalesce(GitLabItem.merge_status, "")
    failing = func.coalesce(GitLabItem.pipeline_status, "") == FAILED
    with_others = status.in_(sorted(NOT_WITH_REVIEWERS))
    waits = and_(is_reviewed(), ~GitLabItem.approved, ~with_others)
    known = GitLabItem.merge_status  # as it is, PostgreSQL compares it within the index
    wanted: dict[Need, Any] = {
        Need.FAILING: GitLabItem.pipeline_status == FAILED,
        Need.CONFLICTS: known.in_(sorted(CONFLICT_STATUSES)),
        Need.CHANGES: known == CHANGES_REQUESTED,
        Need.REVIEW: and_(~GitLabItem.draft, or_(status == NOT_APPROVED, waits)),
        Need.READY: and_(~GitLabItem.draft, ~failing, known.in_(sorted(READY_STATUSES))),
        Need.DRAFT: GitLabItem.draft,
    }
    request = GitLabItem.type == ItemType.MERGE_REQUEST.value
    return and_(is_open(), request, wanted[need])


def is_of_project(path: str, visibility: Visibility) -> ColumnElement[bool]:
    """Whether an item's project has this path, as far as the caller may know: what was never
    fetched may be withheld later, and is shown under the path that it was linked with.
    """
    ids = select(GitLabProject.id).where(
        GitLabProject.org_id == visibility.org_id, GitLabProject.path_key == path.lower()
    )
    of_it = GitLabItem.project_id.in_(ids)
    return of_it if visibility.sees_all else and_(of_it, ~maybe_withheld())


def is_reviewed() -> ColumnElement[bool]:
    """Whether somebody is to review the item."""
    return func.json_array_length(GitLabItem.reviewers) > 0


def is_open() -> ColumnElement[bool]:
    """With a literal: SQLite uses no partial index for a parameter."""
    return GitLabItem.state == literal_column(f"'{ItemState.OPENED.value}'")


def of_any_type() -> ColumnElement[bool]:
    """True. SQLite prefers the index of open items if more than its first column is given."""
    return GitLabItem.type.in_([one.value for one in ItemType])


def _one_of_its_links(*conditions: ColumnElement[bool], each: bool = False) -> ColumnElement[bool]:
    found = (
        select(TaskGitLabLink.id)
        .join(GitLabItem, GitLabItem.id == TaskGitLabLink.item_id)
        .where(TaskGitLabLink.task_id == Task.id, *conditions)
    )
    # PostgreSQL joins what it believes to be few rows, unless they are cut.
    return (found.offset(0) if each else found).exists()
