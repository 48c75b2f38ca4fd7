"""The projects of the org that a caller may know of."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, or_, select

from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db
from gitlab_links.links.confidentiality import maybe_withheld, sees_all
from gitlab_links.links.freshness import Connection
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.observations.models import GitLabProjectWatch
from gitlab_links.tasks.summaries import TaskView

MOST_LISTED = 30


def is_known(connection: Connection, viewer: Role | None) -> ColumnElement[bool]:
    """Whether the viewer may know a project's path: it is watched, or one of its items is linked
    and not withheld from them.
    """
    items = [GitLabItem.project_id == GitLabProject.id]
    if not sees_all(connection, viewer):
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
    linked = (
        exists()
        .where(
            TaskGitLabLink.task_id == task.id,
            TaskGitLabLink.item_id == GitLabItem.id,
            GitLabItem.project_id == GitLabProject.id,
        )
        .correlate(GitLabProject)
    )
    rows = db.session.execute(
        select(GitLabProject.path, GitLabProject.gitlab_id)
        .where(
            GitLabProject.org_id == principal.org_id,
            GitLabProject.base_url == connection.base_url,
            GitLabProject.gitlab_id.is_not(None),
            GitLabProject.path_key.is_not(None),
            is_known(connection, principal.role),
        )
        .order_by(linked.desc(), GitLabProject.path_key)
        .limit(MOST_LISTED)
    )
    return [KnownProject(row.path, row.gitlab_id) for row in rows]
