"""What a project is called and which it is: GitLab's id is the identity, the path a name."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.hooks.secrets import move_hook_secrets
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


def hand_over_path(project: GitLabProject, owner_id: int) -> None:
    """Note that a project that is gone has left its path to another one.

    Links made since the project was last seen were made by the path, and mean the other.
    """
    path = project.path
    seen = max((item.fetched_at for item in _items(project) if item.fetched_at), default=None)
    project.path_key = None
    db.session.flush()
    owner = _project(project, GitLabProject.gitlab_id == owner_id)
    if owner is None:
        owner = GitLabProject(
            org_id=project.org_id, base_url=project.base_url, gitlab_id=owner_id, path=path
        )
        db.session.add(owner)
    owner.path, owner.path_key = path, path.lower()
    db.session.flush()
    for item in _items(project):
        _move_links_made_since(seen, item, owner)
    db.session.flush()


def _move_links_made_since(
    moment: datetime | None, source: GitLabItem, owner: GitLabProject
) -> None:
    links = links_of(source)
    younger = [link for link in links if moment is None or link.created_at > moment]
    if not younger:
        return
    key = (source.type, source.iid)
    target = next((item for item in _items(owner) if (item.type, item.iid) == key), None)
    if target is None:
        target = GitLabItem(
            org_id=owner.org_id, project_id=owner.id, type=source.type, iid=source.iid
        )
        db.session.add(target)
        db.session.flush()
    move_links(younger, target)
    if len(younger) == len(links):
        db.session.delete(source)


def _rename(project: GitLabProject, path: str) -> None:
    key = path.lower()
    if key != project.path_key:
        holder = _project(project, GitLabProject.path_key == key)
        if holder is not None:
            _take_path(holder, project)
        project.path_key = key
    project.former_path, project.renamed_at = project.path, utcnow()
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
    """Items and their links, and what proves events of the project."""
    move_hook_secrets(source.id, target.id)
    there = {(item.type, item.iid): item for item in _items(target)}
    for item in _items(source):
        twin = there.get((item.type, item.iid))
        if twin is None:
            item.project_id = target.id
        else:
            move_links(links_of(item), twin)
            db.session.delete(item)
            request_refresh(twin, utcnow())
    db.session.flush()


def links_of(item: GitLabItem) -> Sequence[TaskGitLabLink]:
    """The links that have the item."""
    return db.session.scalars(select(TaskGitLabLink).where(TaskGitLabLink.item_id == item.id)).all()


def move_links(links: Sequence[TaskGitLabLink], target: GitLabItem) -> None:
    """A link of a task that has one to the target goes; the others point there."""
    linked = set(
        db.session.scalars(
            select(TaskGitLabLink.task_id).where(TaskGitLabLink.item_id == target.id)
        )
    )
    for link in links:
        if link.task_id in linked:
            db.session.execute(delete(TaskGitLabLink).where(TaskGitLabLink.id == link.id))
        else:
            link.item_id = target.id
    db.session.flush()
