"""Projects that somebody picks to be watched: each gets its webhook made by a worker.

Nothing here commits.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from gitlab_links.accounts.principal import Principal
from gitlab_links.errors import Conflict
from gitlab_links.extensions import db
from gitlab_links.gitlab.listed import ListedProject
from gitlab_links.hooks.watching import require_watch
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.models import GitLabProject
from gitlab_links.operations.models import Operation, OperationKind
from gitlab_links.operations.queue import ask_for
from gitlab_links.storage.database import insert_unless_exists


class PickedElsewhere(Conflict):
    """The projects were listed by another GitLab than the org is connected to now."""

    code = "picked_elsewhere"


def pick_projects(
    principal: Principal, base_url: str, projects: Sequence[ListedProject], now: datetime
) -> list[Operation]:
    """Watch these projects from now on; gives the operations that make their webhooks.

    ``projects`` are as the GitLab at ``base_url`` listed them; raises
    :class:`PickedElsewhere` where that is no longer the org's. A worker is rung for once
    the caller has committed.
    """
    present = db.session.scalar(
        select(OrgGitLabIntegration.base_url).where(OrgGitLabIntegration.org_id == principal.org_id)
    )
    if present != base_url:
        raise PickedElsewhere("The address of the GitLab has changed. Pick from its list again.")
    asked = []
    for project in projects:
        row = _row_of(principal.org_id, base_url, project)
        watch, _ = require_watch(principal.org_id, row)
        watch.picked_at = watch.picked_at or now
        kind = OperationKind.MAKE_HOOK
        asked.append(ask_for(principal, kind, target=row, subject=project.path))
    return asked


def _row_of(org_id: uuid.UUID, base_url: str, listed: ListedProject) -> uuid.UUID:
    """The row of a project: GitLab's id is the identity. One that has the path and no id yet
    is it; one with another id has lost the path.
    """
    here = (GitLabProject.org_id == org_id, GitLabProject.base_url == base_url)
    same_id = select(GitLabProject.id).where(*here, GitLabProject.gitlab_id == listed.gitlab_id)
    found = db.session.scalar(same_id)
    if found is not None:
        return found
    key = listed.path.lower()
    same_path = select(GitLabProject).where(*here, GitLabProject.path_key == key)
    holder = db.session.scalars(same_path.with_for_update()).one_or_none()
    if holder is not None and holder.gitlab_id is None:
        holder.gitlab_id = listed.gitlab_id
        db.session.flush()
        return holder.id
    if holder is not None:
        holder.path_key = None
        db.session.flush()
    values = {"org_id": org_id, "base_url": base_url, "path": listed.path, "path_key": key}
    made = insert_unless_exists(
        db.session,
        GitLabProject,
        {**values, "gitlab_id": listed.gitlab_id},
        "org_id",
        "base_url",
        "gitlab_id",
    )
    return made or db.session.scalars(same_id).one()
