"""The projects of the org that a caller may know of."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, exists, or_, select

from gitlab_links.accounts.principal import Principal
from gitlab_links.extensions import db
from gitlab_links.links.confidentiality import maybe_withheld, sees_all
from gitlab_links.links.freshness import Connection
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.observations.models import GitLabProjectWatch
from gitlab_links.tasks.summaries import TaskView

MOST_LISTED = 30


def is_known(*, all_seen: bool) -> ColumnElement[bool]:
    """Whether a viewer may know a project's path: it is watched, or one of its items is linked
    and not withheld from them. From who sees all, none is.
    """
    items = [GitLabItem.project_id == GitLabProject.id]
    if not all_seen:
        items.append(~maybe_withheld())
    watched = exists().where(
        GitLabProjectWatch.project_id == GitLabProject.id,
        GitLabProjectWatch.picked_at.is_not(None),
    )
    return or_(exists().where(*items), watched)


@dataclass(frozen=True, slots=True)
class KnownProject:
    """A project that a caller may know of."""

    path: str
    gitlab_id: int

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


def projects_for_task(
    principal: Principal, task: TaskView, connection: Connection
) -> Sequence[KnownProject]:
    """Known projects, those that the task links first, then by path."""
    rows = db.session.execute(
        _of_task(all_seen=sees_all(connection, principal.role)),
        {"org_id": principal.org_id, "task_id": task.id, "base_url": connection.base_url},
    )
    return [KnownProject(row.path, row.gitlab_id) for row in rows]


@cache
def _of_task(*, all_seen: bool) -> Select[*tuple[Any, ...]]:
    linked = (
        exists()
        .where(
            TaskGitLabLink.task_id == bindparam("task_id"),
            TaskGitLabLink.item_id == GitLabItem.id,
            GitLabItem.project_id == GitLabProject.id,
        )
        .correlate(GitLabProject)
    )
    return (
        select(GitLabProject.path, GitLabProject.gitlab_id)
        .where(
            GitLabProject.org_id == bindparam("org_id"),
            GitLabProject.base_url == bindparam("base_url"),
            GitLabProject.gitlab_id.is_not(None),
            GitLabProject.path_key.is_not(None),
            is_known(all_seen=all_seen),
        )
        .order_by(linked.desc(), GitLabProject.path_key)
        .limit(MOST_LISTED)
    )
