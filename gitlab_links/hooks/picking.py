"""Projects that somebody picks to be watched: each gets its webhook made by a worker.

A pick waits in the project's watch until a worker has taken it; one that is lost on the way
is due again after ``CLAIM``. Nothing here commits.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select, update

from gitlab_links.accounts.principal import Principal
from gitlab_links.db import insert_unless_exists
from gitlab_links.doorbell import Bell, ring_after_commit
from gitlab_links.errors import Conflict
from gitlab_links.extensions import db
from gitlab_links.gitlab.listed import ListedProject
from gitlab_links.hooks.models import GitLabProjectWatch
from gitlab_links.hooks.watching import require_watch
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.models import GitLabProject

CLAIM = timedelta(minutes=2)

_watch = GitLabProjectWatch


class PickedElsewhere(Conflict):
    """The projects were listed by another GitLab than the org is connected to now."""

    code = "picked_elsewhere"


@dataclass(frozen=True, slots=True)
class WantedHook:
    """A webhook that is to be made, and who asked for it; None once they have gone."""

    watch_id: uuid.UUID
    project_row: uuid.UUID
    user_id: uuid.UUID | None


def pick_projects(
    principal: Principal, base_url: str, projects: Sequence[ListedProject], now: datetime
) -> None:
    """Watch these projects from now on, and have their webhooks made.

    ``projects`` are as the GitLab at ``base_url`` listed them; raises
    :class:`PickedElsewhere` where that is no longer the org's. A worker is rung for once
    the caller has committed.
    """
    present = db.session.scalar(
        select(OrgGitLabIntegration.base_url).where(OrgGitLabIntegration.org_id == principal.org_id)
    )
    if present != base_url:
        raise PickedElsewhere("The address of the GitLab has changed. Pick from its list again.")
    for project in projects:
        watch, _ = require_watch(principal.org_id, _row_of(principal.org_id, base_url, project))
        watch.picked_at = watch.picked_at or now
        watch.hook_due_at, watch.hook_wanted_by = now, principal.user_id
    ring_after_commit(db.session, Bell.WATCH, principal.org_id)


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


def claim_wanted_hook(org_id: uuid.UUID, now: datetime) -> WantedHook | None:
    """Take the webhook that has waited longest, for ``CLAIM``."""
    row = db.session.execute(
        select(_watch.id, _watch.project_id, _watch.hook_wanted_by)
        .where(_watch.org_id == org_id, _watch.hook_due_at <= now)
        .order_by(_watch.hook_due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if row is None:
        return None
    _set(_watch.id == row.id, hook_due_at=now + CLAIM)
    return WantedHook(row.id, row.project_id, row.hook_wanted_by)


def settle_wanted_hook(watch_id: uuid.UUID) -> None:
    """It was made, or cannot be: what the watch says of it is what came of it."""
    _set(_watch.id == watch_id, hook_due_at=None, hook_wanted_by=None)


def orgs_with_wanted_hooks(
    now: datetime, limit: int, connected: ColumnElement[bool]
) -> Sequence[uuid.UUID]:
    """Orgs with webhooks to be made; ``connected`` is a condition on their integrations."""
    return db.session.scalars(
        select(_watch.org_id)
        .join(OrgGitLabIntegration, OrgGitLabIntegration.org_id == _watch.org_id)
        .where(_watch.hook_due_at <= now, connected)
        .distinct()
        .limit(limit)
    ).all()


def _set(condition: ColumnElement[bool], **values: object) -> None:
    db.session.execute(
        update(_watch)
        .where(condition)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
