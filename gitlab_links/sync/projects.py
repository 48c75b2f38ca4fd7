"""What a project is called and which it is: GitLab's id is the identity, the path a name.

Nothing here takes longer for a project of 100,000 items than for one of ten.
"""

from sqlalchemy import ColumnElement, func, select, update

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.sync.succession import PIECE, succeed


def is_known(project: GitLabProject, gitlab_id: int | None, path: str | None) -> bool:
    """Whether there is nothing to learn from what GitLab told of a project."""
    if project.successor_id is not None:
        return False
    return gitlab_id in (None, project.gitlab_id) and _is_called(project, path)


def _is_called(project: GitLabProject, path: str | None) -> bool:
    return path is None or (project.path == path and project.path_key == path.lower())


def learn(project: GitLabProject, gitlab_id: int | None, path: str | None) -> GitLabProject:
    """Note the id and the present path of a project; returns the row that stands for it.

    Another row may turn out to be the same project under a former path (its items and
    links move over, see ``succession``), or to hold a path that now belongs to this project
    (it loses the path, and is asked for again by id).
    """
    if gitlab_id is not None and project.gitlab_id is None:
        known = _project(project, GitLabProject.gitlab_id == gitlab_id)
        if known is not None:
            succeed(project, known)
            project = known
        project.gitlab_id = gitlab_id
    if gitlab_id is not None and gitlab_id == project.gitlab_id:
        # It answers, so that it has not left its path for good.
        project.successor_id = project.succeeded_since = None
        if path is not None and not _is_called(project, path):
            _rename(project, path)
    return project


def hand_over_path(project: GitLabProject, owner_id: int) -> None:
    """Note that a project that is gone has left its path to another one.

    Links made since the project was last seen were made by the path, and mean the other.
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
    """The pages of its items move with ``renamed_at``: no item is written for it."""
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
    # The first answer tells its new name, or that it is gone: some items are enough.
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
