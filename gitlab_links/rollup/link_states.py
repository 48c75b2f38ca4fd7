"""Read the states of the links of many tasks in one query."""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    Select,
    String,
    and_,
    bindparam,
    case,
    false,
    func,
    null,
    select,
)

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db, settings
from gitlab_links.links.confidentiality import withheld
from gitlab_links.links.freshness import SyncStatus
from gitlab_links.links.link_filters import freshness_times, has_sync_status, synced_since_given
from gitlab_links.links.models import GitLabItem, TaskGitLabLink
from gitlab_links.rollup.conditions import is_reviewed
from gitlab_links.rollup.needs import LinkState, RollUp, roll_up
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.tasks.summaries import TaskView

LinkStates = Mapping[uuid.UUID, Sequence[LinkState]]


def link_states(visibility: Visibility, task_ids: Sequence[uuid.UUID]) -> LinkStates:
    """The states of the links of these tasks, by task id. No query without tasks, nor for who
    sees no links.
    """
    found: defaultdict[uuid.UUID, list[LinkState]] = defaultdict(list)
    if not task_ids or not visibility.sees_links:
        return found
    now, connection = utcnow(), visibility.connection
    statement = _grouped(
        all_seen=visibility.sees_all,
        broken=connection.is_broken,
        connected=connection.base_url is not None,
    )
    known = {
        "org_id": visibility.org_id,
        "task_ids": task_ids,
        "base_url": connection.base_url,
        "today": now.date(),
        **freshness_times(settings().metadata_ttl, now),
    }
    for task_id, *values in db.session.execute(statement, known):
        found[task_id].append(LinkState(*values))
    return found


@cache
def _grouped(*, all_seen: bool, broken: bool, connected: bool) -> Select[*tuple[Any, ...]]:
    """Built once for each kind of org and viewer; its values come with the execution."""
    hidden = false() if all_seen else withheld()
    failing = has_sync_status(
        SyncStatus.ERROR,
        broken=broken,
        base_url=bindparam("base_url", type_=String) if connected else None,
        fresh_since=synced_since_given(),
        hidden=hidden,
    )
    # Grouped outside of a subquery: PostgreSQL does not match expressions with parameters.
    link = _shown(hidden, failing).subquery().c
    kind = (
        *(link.task_id, link.type, link.state, link.draft, link.merge_status),
        *(link.pipeline_status, link.reviewed, link.approved, link.late, link.withheld),
    )
    sums = (func.count(), func.sum(link.failing), func.max(link.active_at))
    return select(*kind, *sums).group_by(*kind)


def _shown(hidden: ColumnElement[bool], failing: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """What the viewer sees of each link: of a hidden one, only that it is there."""
    today = bindparam("today", type_=Date)
    late = and_(~hidden, func.coalesce(GitLabItem.due_date < today, false()))
    return (
        select(
            TaskGitLabLink.task_id,
            GitLabItem.type,
            case((hidden, null()), else_=GitLabItem.state).label("state"),
            case((hidden, false()), else_=GitLabItem.draft).label("draft"),
            case((hidden, null()), else_=GitLabItem.merge_status).label("merge_status"),
            case((hidden, null()), else_=GitLabItem.pipeline_status).label("pipeline_status"),
            case((and_(~hidden, is_reviewed()), 1), else_=0).label("reviewed"),
            case((and_(~hidden, GitLabItem.approved), 1), else_=0).label("approved"),
            case((late, 1), else_=0).label("late"),
            case((hidden, 1), else_=0).label("withheld"),
            case((failing, 1), else_=0).label("failing"),
            case((~hidden, GitLabItem.source_updated_at)).label("active_at"),
        )
        .join(TaskGitLabLink.item)
        .join(GitLabItem.project)
        .where(
            TaskGitLabLink.org_id == bindparam("org_id"),
            TaskGitLabLink.task_id.in_(bindparam("task_ids", expanding=True)),
        )
    )


def roll_up_of(task: TaskView, links: Sequence[LinkState]) -> RollUp:
    """The roll-up of a task from all its links."""
    return roll_up(links, task.status, task_late=task.is_late(utcnow().date()))
