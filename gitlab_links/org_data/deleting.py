"""Deleting an org: first our webhooks in GitLab, if wanted, then its rows in bounded pieces.

Nothing here commits.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Column, Table, delete, select

from gitlab_links.accounts.models import ApiKey, Membership, Org, User
from gitlab_links.accounts.principal import Principal
from gitlab_links.errors import Conflict, Invalid, required
from gitlab_links.extensions import change_rows, db
from gitlab_links.gitlab.items import address_in_api
from gitlab_links.integrations.changes import find_integration
from gitlab_links.integrations.credentials import credentials_of
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.models import GitLabProject
from gitlab_links.observations.models import GitLabProjectWatch
from gitlab_links.operations.models import Operation, OperationKind
from gitlab_links.operations.queue import ask_for
from gitlab_links.storage.database import Base

PIECE = 1000
MOST_NAMED = 10
# These show the progress until the end. They go with the org.
_LAST = frozenset({Operation.__tablename__, Membership.__tablename__, Org.__tablename__})


class HookNotRemoved(Conflict, code="hook_not_removed"):
    """GitLab did not delete one of our webhooks; the org is untouched."""


@dataclass(frozen=True, slots=True)
class HookedProject:
    """A project with webhooks of ours. ``project`` is GitLab's id, or the path while unknown."""

    project_row: uuid.UUID
    project: int | str
    path: str


def ask_to_delete(principal: Principal, typed_name: str, *, with_hooks: bool) -> Operation:
    """Request the deletion; raises :class:`Invalid` unless the org's name was typed."""
    org = required(db.session.get(Org, principal.org_id))
    if typed_name.strip() != org.name:
        words = f"Type the name of the org as it stands above: {org.name}"
        raise Invalid("The org was not deleted.", errors={"typed_name": [words]})
    if with_hooks:
        credentials_of(find_integration(org.id))
    kind = OperationKind.DELETE_ORG_AND_HOOKS if with_hooks else OperationKind.DELETE_ORG
    return ask_for(principal, kind, subject=org.name)


def hooked_projects(org_id: uuid.UUID, limit: int) -> Sequence[HookedProject]:
    """Some projects in the org's GitLab whose webhooks of ours are not removed yet. Not those at a
    GitLab that the org has left: ids of there name other projects here.
    """
    watch, project, integration = GitLabProjectWatch, GitLabProject, OrgGitLabIntegration
    rows = db.session.execute(
        select(project.id, project.gitlab_id, project.path)
        .join(watch, watch.project_id == project.id)
        .join(integration, integration.org_id == watch.org_id)
        .where(
            watch.org_id == org_id,
            watch.hook_id.is_not(None),
            project.base_url == integration.base_url,
        )
        .order_by(watch.id)
        .limit(limit)
    )
    return [
        HookedProject(row.id, address_in_api(row.gitlab_id, row.path), row.path) for row in rows
    ]


def projects_left_with_hooks(org_id: uuid.UUID) -> Sequence[str]:
    """The addresses of projects with a webhook of ours at a GitLab that the org has left, for
    another one or for none; at most ``MOST_NAMED`` and one more.
    """
    watch, project, integration = GitLabProjectWatch, GitLabProject, OrgGitLabIntegration
    rows = db.session.execute(
        select(project.base_url, project.path)
        .join(watch, watch.project_id == project.id)
        .outerjoin(integration, integration.org_id == watch.org_id)
        .where(
            watch.org_id == org_id,
            watch.hook_id.is_not(None),
            project.base_url.is_distinct_from(integration.base_url),
        )
        .order_by(project.base_url, project.path)
        .limit(MOST_NAMED + 1)
    )
    return [f"{row.base_url}/{row.path}" for row in rows]


def close_org(org_id: uuid.UUID, but: uuid.UUID | None) -> None:
    """Keep everybody out, GitLab too, except the person who deletes the org and sees the
    progress.
    """
    change_rows(delete(OrgGitLabIntegration).where(OrgGitLabIntegration.org_id == org_id))
    change_rows(delete(ApiKey).where(ApiKey.org_id == org_id))
    change_rows(
        delete(Membership).where(
            Membership.org_id == org_id, Membership.user_id.is_distinct_from(but)
        )
    )


def delete_piece(org_id: uuid.UUID) -> str | None:
    """Delete up to ``PIECE`` rows of one table and return its name; None if nothing is left but
    the org itself.
    """
    for table, owner in _owned_tables():
        [key] = table.primary_key.columns
        some = select(key).where(owner == org_id).limit(PIECE)
        if change_rows(delete(table).where(key.in_(some))):
            return table.name
    return None


def delete_org_row(org_id: uuid.UUID) -> None:
    """Delete the org, with its last members and the operation."""
    change_rows(delete(Org).where(Org.id == org_id))


def _owned_tables() -> Sequence[tuple[Table, Column[object]]]:
    """The tables with rows of an org, those that refer to others first."""
    found = []
    for table in reversed(Base.metadata.sorted_tables):
        if table.name == User.__tablename__:
            found.append((table, table.c.service_of_id))
        elif table.name not in _LAST and "org_id" in table.c:
            found.append((table, table.c.org_id))
    return found
