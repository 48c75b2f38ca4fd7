"""Projects that an admin picks to be watched: a worker creates the webhook of each."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import current_app
from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy import select

from gitlab_links.accounts.principal import Principal
from gitlab_links.audit.changes import Action, write_audit_event
from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict
from gitlab_links.extensions import db, settings
from gitlab_links.gitlab.answers import GitLabFailure
from gitlab_links.gitlab.error_codes import in_words
from gitlab_links.gitlab.listed_project import ListedPage, ListedProject
from gitlab_links.http.gitlab_waits import waiting_for_gitlab
from gitlab_links.integrations.changes import find_integration
from gitlab_links.integrations.credentials import credentials_of
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.models import GitLabProject
from gitlab_links.observations.project_watches import require_watch
from gitlab_links.observations.watched_projects import WatchedProject, watched_projects
from gitlab_links.operations.models import Operation, OperationKind
from gitlab_links.operations.queue import ask_for
from gitlab_links.storage.database import insert_unless_exists

MOST_PICKED = 50
GOOD_FOR_SECONDS = 3600


class PickedElsewhere(Conflict, code="picked_elsewhere"):
    """The list comes from another GitLab than the org is connected to now."""


def pick_projects(
    principal: Principal, base_url: str, projects: Sequence[ListedProject], now: datetime
) -> list["Picked"]:
    """Watch these projects.

    ``projects`` are as the GitLab at ``base_url`` listed them. Raises
    :class:`PickedElsewhere` if that is no longer the org's. A job is triggered after the
    caller has committed.
    """
    present = db.session.scalar(
        select(OrgGitLabIntegration.base_url).where(OrgGitLabIntegration.org_id == principal.org_id)
    )
    if present != base_url:
        raise PickedElsewhere("The base URL has changed. Reload the list and pick again.")
    picked: list[Picked] = []
    for project in projects:
        row = _row_of(principal.org_id, base_url, project)
        watch, _ = require_watch(principal.org_id, row)
        if watch.picked_at is None:
            watch.picked_at = now
            detail = {"project": project.path}
            write_audit_event(
                principal.org_id, principal.actor, Action.PROJECT_WATCHED, row, detail
            )
        operation = None
        if project.maintained:
            kind = OperationKind.MAKE_HOOK
            operation = ask_for(principal, kind, target=row, subject=project.path)
        picked.append(Picked(project, row, operation))
    return picked


def _row_of(org_id: uuid.UUID, base_url: str, listed: ListedProject) -> uuid.UUID:
    """The row of a project, identified by GitLab's id. A row with its path and no id is the
    same project; a row with its path and another id no longer has that path.
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


class StaleList(Conflict, code="stale_list"):
    """The choice is expired, or not from a list of this org."""


class ProjectsNotListed(Conflict, code="projects_not_listed"):
    """GitLab did not return the list."""


@dataclass(frozen=True, slots=True)
class Picked:
    """A picked project, its id here, and the operation that creates its webhook, None where the
    token's owner may not.
    """

    project: ListedProject
    project_id: uuid.UUID
    operation: Operation | None


@dataclass(frozen=True, slots=True)
class Choice:
    """A project to choose, the signed text to send to :func:`pick`, and what is known of it."""

    project: ListedProject
    text: str
    known: WatchedProject | None


@dataclass(frozen=True, slots=True)
class Choices:
    """A page of projects, and the number of the next page, if there is one."""

    choices: Sequence[Choice]
    next_page: int | None


def choices(principal: Principal, search: str, page: int = 1) -> Choices:
    """Projects that the token's owner may read as a member, as GitLab lists them now.

    Raises :class:`ProjectsNotListed` and what ``credentials_of`` and ``waiting_for_gitlab``
    raise.
    """
    try:
        base_url, found = projects_now(principal, search, page)
    except GitLabFailure as failure:
        raise ProjectsNotListed(in_words(failure.code, failure.reason)) from None
    known = {one.path: one for one in watched_projects(principal.org_id, utcnow())}
    listed = [
        Choice(one, _signed(principal.org_id, base_url, one), known.get(one.path))
        for one in found.projects
    ]
    return Choices(listed, page + 1 if found.more else None)


def pick(principal: Principal, texts: Sequence[str]) -> Sequence[Picked]:
    """Watch the chosen projects; a worker creates their webhooks after the caller has committed.

    Raises :class:`StaleList` and ``PickedElsewhere``.
    """
    picked = [_read(principal.org_id, text) for text in texts[:MOST_PICKED]]
    base_url = picked[0][0]
    projects = [project for base, project in picked if base == base_url]
    return pick_projects(principal, base_url, projects, utcnow())


def _signed(org_id: uuid.UUID, base_url: str, project: ListedProject) -> str:
    return str(
        _serializer().dumps(
            [str(org_id), base_url, project.gitlab_id, project.path, project.maintained]
        )
    )


def _read(org_id: uuid.UUID, text: str) -> tuple[str, ListedProject]:
    try:
        listed = _serializer().loads(text, max_age=GOOD_FOR_SECONDS)
        owner, base_url, gitlab_id, path, maintained = listed
    except (BadData, ValueError):  # or from the version before
        owner = None
    if owner != str(org_id):
        raise StaleList("The list of projects has expired. Reload it and pick again.")
    return base_url, ListedProject(gitlab_id, path, maintained)


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.secret_key or "", salt="projects to pick")


def projects_now(principal: Principal, search: str, page: int) -> tuple[str, ListedPage]:
    """The base URL of the org's GitLab, and a page of its list. Commits before the call.

    Raises GitLabFailure, and what ``credentials_of`` and ``waiting_for_gitlab`` raise.
    """
    from gitlab_links.gitlab.project_client import ListingClient

    credentials = credentials_of(find_integration(principal.org_id))
    db.session.commit()
    with (
        waiting_for_gitlab(principal.org_id),
        credentials.client(ListingClient, whole_seconds=settings().gitlab_timeout) as client,
    ):
        return str(credentials.base), client.projects(search, page)
