"""What a project is called and which it is: GitLab's id is the identity, the path a name."""

from sqlalchemy import delete, select

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.links.freshness import request_refresh
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink


def is_known(project: GitLabProject, gitlab_id: int | None, path: str | None) -> bool:
    """Whether there is nothing to learn from what GitLab told of a project."""
    return gitlab_id in (None, project.gitlab_id) and _is_called(project, path)


def _is_called(project: GitLabProject, path: str | None) -> bool:
    return path is None or (project.path == path and project.path_key == path.lower())


def learn(project: GitLabProject, gitlab_id: int | None, path: str | None) -> GitLabProject:
    """Note the id and the present path of a project; returns the row that stands for it.

    Another row may turn out to be the same project under a former path (its items and
    links move over), or to hold a path that now belongs to this project (it loses the
    path, and its items are fetched again by id).
    """
    if gitlab_id is not None and project.gitlab_id is None:
        known = _project(project, GitLabProject.gitlab_id == gitlab_id)
        if known is not None:
            _move_items(project, known)
            db.session.delete(project)
            db.session.flush()
            project = known
        project.gitlab_id = gitlab_id
    if path is not None and gitlab_id == project.gitlab_id and not _is_called(project, path):
        _rename(project, path)
    return project


def _rename(project: GitLabProject, path: str) -> None:
    key = path.lower()
    if key != project.path_key:
        holder = _project(project, GitLabProject.path_key == key)
        if holder is not None:
            _take_path(holder, project)
        project.path_key = key
    project.path = path
    _mark_changed(project)
    db.session.flush()


def _take_path(holder: GitLabProject, project: GitLabProject) -> None:
    if holder.gitlab_id is None:
        _move_items(holder, project)
        db.session.delete(holder)
    else:
        holder.path_key = None
        for item in _items(holder):
            request_refresh(item, utcnow())
    db.session.flush()


def _project(beside: GitLabProject, condition: object) -> GitLabProject | None:
    return db.session.scalars(
        select(GitLabProject)
        .where(
            GitLabProject.org_id == beside.org_id,
            GitLabProject.base_url == beside.base_url,
            GitLabProject.id != beside.id,
            condition,  # type: ignore[arg-type]
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()


def _items(project: GitLabProject) -> list[GitLabItem]:
    return list(
        db.session.scalars(
            select(GitLabItem)
            .where(GitLabItem.project_id == project.id)
            .order_by(GitLabItem.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )


def _mark_changed(project: GitLabProject) -> None:
    now = utcnow()
    for item in _items(project):
        item.changed_at = now


def _move_items(source: GitLabProject, target: GitLabProject) -> None:
    there = {(item.type, item.iid): item for item in _items(target)}
    for item in _items(source):
        twin = there.get((item.type, item.iid))
        if twin is None:
            item.project_id = target.id
        else:
            _move_links(item, twin)
            db.session.delete(item)
            request_refresh(twin, utcnow())
    db.session.flush()


def _move_links(source: GitLabItem, target: GitLabItem) -> None:
    linked = set(
        db.session.scalars(
            select(TaskGitLabLink.task_id).where(TaskGitLabLink.item_id == target.id)
        )
    )
    links = db.session.scalars(select(TaskGitLabLink).where(TaskGitLabLink.item_id == source.id))
    for link in links.all():
        if link.task_id in linked:
            db.session.execute(delete(TaskGitLabLink).where(TaskGitLabLink.id == link.id))
        else:
            link.item_id = target.id
    db.session.flush()
