"""Counting the figures of an overview: five statements, whatever the size of the org."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    and_,
    case,
    false,
    func,
    literal_column,
    or_,
    select,
)

from gitlab_links.extensions import db
from gitlab_links.finding.task_filters import TaskQuery
from gitlab_links.gitlab.items import ItemState, ItemType
from gitlab_links.links.confidentiality import withheld
from gitlab_links.links.models import GitLabItem, TaskGitLabLink
from gitlab_links.overview.figures import Age, Figures, OpenWork, first_week, flow_of
from gitlab_links.rollup.conditions import is_open
from gitlab_links.rollup.needs import Need
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.tasks.models import TO_DO, Task

# An org with no more than this of each is counted in a few milliseconds.
SMALL = 1000
# GitLab may write the time of a merge some seconds after the last change of the merge request.
SLACK = timedelta(days=1)
_TO_DO = Task.status.in_(TO_DO)
_ENDED = (ItemState.MERGED.value, ItemState.CLOSED.value)


def is_small(visibility: Visibility, now: datetime) -> bool:
    """Whether the org is counted quickly. One statement that reads few rows of any org."""
    item, org_id = GitLabItem, visibility.org_id
    one: ColumnElement[int] = literal_column("1")  # a column is read from the table
    parts = (
        select(one).where(Task.org_id == org_id, _TO_DO),
        select(one).where(item.org_id == org_id, is_open()),
        select(one).where(item.org_id == org_id, _changed_since(first_week(now))),
    )
    counts = db.session.execute(select(*(_counted(part.limit(SMALL + 1)) for part in parts))).one()
    return all(count <= SMALL for count in counts)


def _counted(part: Select[Any]) -> ScalarSelect[int]:
    return select(func.count()).select_from(part.subquery()).scalar_subquery()


def count_figures(visibility: Visibility, now: datetime) -> Figures:
    """All figures, as their caller may see them."""
    since = first_week(now)
    flow = None
    if visibility.sees_links:
        requests = db.session.execute(_requests(visibility, since))
        flow = flow_of(since, requests, db.session.execute(_last_merges(visibility, since)))
    return Figures(now, _needs(visibility), _open_work(visibility, now), flow)


def _needs(visibility: Visibility) -> dict[Need, int]:
    """By the very conditions of the list of tasks, so that both say the same."""
    shown = list(Need) if visibility.sees_links else [Need.OVERDUE]
    counts = [
        select(func.count())
        .select_from(Task)
        .where(*TaskQuery(need=need).conditions(visibility))
        .scalar_subquery()
        for need in shown
    ]
    return dict(zip(shown, db.session.execute(select(*counts)).one(), strict=True))


def _open_work(visibility: Visibility, now: datetime) -> tuple[OpenWork, ...]:
    tasks = select(*_by_age(Task.created_at, now)).where(Task.org_id == visibility.org_id, _TO_DO)
    found = [db.session.execute(tasks).one()]
    if visibility.sees_links:
        requests = select(*_by_age(GitLabItem.gitlab_created_at, now))
        found.append(
            db.session.execute(requests.where(*_of_org(visibility), is_open(), _linked())).one()
        )
    else:
        found.append((None,) * len(Age))  # type: ignore[arg-type]
    return tuple(OpenWork(*one) for one in zip(Age, *found, strict=True))


def _by_age(began_at: Any, now: datetime) -> list[ColumnElement[int]]:
    counts: list[ColumnElement[int]] = []
    rest = began_at.is_not(None)
    for age in Age:
        older = false() if age.ends is None else began_at <= now - age.ends
        counts.append(func.count(case((and_(rest, ~older), 1))))
        rest = older
    return counts


def _requests(visibility: Visibility, since: datetime) -> Select[Any, Any]:
    """When the linked merge requests were opened and merged that were either in the weeks."""
    item = GitLabItem
    return select(item.gitlab_created_at, item.merged_at).where(
        *_of_org(visibility),
        _changed_since(since),
        or_(item.gitlab_created_at >= since, item.merged_at >= since),
        _linked(),
    )


def _last_merges(visibility: Visibility, since: datetime) -> Select[Any, Any]:
    """When the tasks were created and their last merge request was merged, of those that have
    one merged in the weeks and none that is open or not known yet.
    """
    item, link = GitLabItem, TaskGitLabLink
    recent = (
        select(link.task_id)
        .join(item, item.id == link.item_id)
        .where(*_of_org(visibility), _changed_since(since), item.merged_at >= since)
        .distinct()
        .subquery()
    )
    going_on = func.count(case((func.coalesce(item.state, "").not_in(_ENDED), 1)))
    # Without the org, which the first tasks have: SQLite would read all items of the org.
    return (
        select(Task.created_at, func.max(item.merged_at))
        .select_from(recent)
        .join(Task, Task.id == recent.c.task_id)
        .join(link, link.task_id == recent.c.task_id)
        .join(item, item.id == link.item_id)
        .where(*_seen(visibility))
        .group_by(Task.id, Task.created_at)
        .having(going_on == 0)
    )


def _of_org(visibility: Visibility) -> list[ColumnElement[bool]]:
    return [GitLabItem.org_id == visibility.org_id, *_seen(visibility)]


def _seen(visibility: Visibility) -> list[ColumnElement[bool]]:
    """Merge requests, without those that are withheld."""
    request = GitLabItem.type == ItemType.MERGE_REQUEST.value
    return [request] if visibility.sees_all else [request, ~withheld()]


def _linked() -> ColumnElement[bool]:
    return select(TaskGitLabLink.id).where(TaskGitLabLink.item_id == GitLabItem.id).exists()


def _changed_since(since: datetime) -> ColumnElement[bool]:
    """What was opened or merged since has changed since; this is read from an index."""
    return GitLabItem.source_updated_at >= since - SLACK
