"""Move an org's projects to another address of the same GitLab."""

import uuid

from sqlalchemy import and_, exists, or_, select, update
from sqlalchemy.orm import aliased

from gitlab_links.extensions import db
from gitlab_links.links.models import GitLabProject
from gitlab_links.sync.project_successors import note_successor


def carry_over(org_id: uuid.UUID, base_url: str, to: str) -> int:
    """Move the projects of one address to another, with items and links. Returns their number.

    If a project is already linked at the new address, its items pass to that row in pieces;
    see :mod:`sync.project_successors`.
    """
    other = aliased(GitLabProject)
    alike = or_(
        other.gitlab_id == GitLabProject.gitlab_id, other.path_key == GitLabProject.path_key
    )
    twin = and_(other.org_id == org_id, other.base_url == to, alike)
    ours = and_(GitLabProject.org_id == org_id, GitLabProject.base_url == base_url)
    moved = db.session.scalars(
        update(GitLabProject)
        .where(ours, ~exists().where(twin))
        .values(base_url=to)
        .returning(GitLabProject.id)
        .execution_options(synchronize_session=False)
    ).all()
    left = db.session.scalars(
        select(GitLabProject)
        .where(ours)
        .order_by(GitLabProject.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for project in left:
        _join(project, to)
    return len(moved) + len(left)


def _join(project: GitLabProject, to: str) -> None:
    """Join a project with its twin at the new address, which has the same id or path."""
    twin = _twin(project, to)
    project.path_key = None
    if twin is not None and (twin.gitlab_id is None or project.gitlab_id in (None, twin.gitlab_id)):
        gitlab_id, project.gitlab_id = project.gitlab_id, None
        project.base_url = to
        db.session.flush()
        twin.gitlab_id = twin.gitlab_id or gitlab_id
        note_successor(project, twin)
        return
    project.base_url = to
    db.session.flush()


def _twin(project: GitLabProject, to: str) -> GitLabProject | None:
    """The id is the identity. Neither a missing id nor a missing path is one that another
    project has too.
    """
    here = select(GitLabProject).filter_by(org_id=project.org_id, base_url=to)
    twin = None
    if project.gitlab_id is not None:
        twin = db.session.scalars(here.filter_by(gitlab_id=project.gitlab_id)).one_or_none()
    if twin is None and project.path_key is not None:
        twin = db.session.scalars(here.filter_by(path_key=project.path_key)).one_or_none()
    return twin
