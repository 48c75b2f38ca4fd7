"""Record the id and path of projects. GitLab's id is the identity, the path only a name.

The cost does not depend on the number of items in a project.
"""

from sqlalchemy import ColumnElement, func, select, update

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.sync.project_successors import PIECE, succeed


def is_known(project: GitLabProject, gitlab_id: int | None, path: str | None) -> bool:
    """Whether a project's row already has this id and path."""
    if project.successor_id is not None:
        return False
    return gitlab_id in (None, project.gitlab_id) and _has_path(project, path)


def _has_path(project: GitLabProject, path: str | None) -> bool:
    return path is None or (project.path == path and project.path_key == path.lower())


def learn(project: GitLabProject, gitlab_id: int | None, path: str | None) -> GitLabProject:
    """Record the id and the current path of a project. Returns the project's row.

    Another row may be the same project under a former path: its items and links pass to the
    returned row, see :mod:`sync.project_successors`. Another row may have a path that now belongs
    to this project: that row loses the path, and is fetched by its id.
    """
    if gitlab_id is not None and project.gitlab_id is None:
        known = _project(project, GitLabProject.gitlab_id == gitlab_id)
        if known is not None:
            succeed(project, known)
            project = known
        project.gitlab_id = gitlab_id
    if gitlab_id is not None and gitlab_id == project.gitlab_id:
        # It answers, so its path did not pass to another project for good.
        project.successor_id = project.succeeded_since = None
        if path is not None and not _has_path(project, path):
            _rename(project, path)
    return project


def hand_over_path(project: GitLabProject, owner_id: int) -> None:
    """Record that another project now has the path of a project that is gone.

    Links that were made after the project was last seen refer to the new owner of the path.
    """
    if project.path_key is None or project.gitlab_id is None:
        return
    seen = db.session.scalar(
        select(func.max(GitLabItem.fetched_at)).where(GitLabItem.project_id == project.id)
    )
    path, project.path_key = project.path, None
    db.session.flush()
    owner = _project(project, GitLabProject.gitlab_id == owner_id)
    if owner is None:
        owner = GitLabProject(
            org_id=project.org_id, base_url=project.base_url, gitlab_id=owner_id, path=path
        )
        db.session.add(owner)
    owner.path, owner.path_key = path, path.lower()
    db.session.flush()
    succeed(project, owner, since=seen)


def _rename(project: GitLabProject, path: str) -> None:
    """Pages notice the new name by ``renamed_at``, so no item is written."""
    key = path.lower()
    if key != project.path_key:
        holder = _project(project, GitLabProject.path_key == key)
        if holder is not None:
            _take_path(holder, project)
        project.path_key = key
    project.former_path, project.renamed_at = project.path, utcnow()
    project.path = path
    db.session.flush()


def _take_path(holder: GitLabProject, project: GitLabProject) -> None:
    if holder.gitlab_id is None:
        succeed(holder, project)
        return
    holder.path_key = None
    db.session.flush()
    # Some items are enough: the first answer has the new path, or shows that it is gone.
    some = (
        select(GitLabItem.id)
        .where(GitLabItem.project_id == holder.id)
        .order_by(GitLabItem.id)
        .limit(PIECE)
        .with_for_update()
    )
    now = utcnow()
    db.session.execute(
        update(GitLabItem)
        .where(GitLabItem.id.in_(some))
        .values(refresh_requested_at=now, next_sync_at=now)
        .execution_options(synchronize_session="fetch")
    )


def _project(beside: GitLabProject, condition: ColumnElement[bool]) -> GitLabProject | None:
    return db.session.scalars(
        select(GitLabProject)
        .where(
            GitLabProject.org_id == beside.org_id,
            GitLabProject.base_url == beside.base_url,
            GitLabProject.id != beside.id,
            condition,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
