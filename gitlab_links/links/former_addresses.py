"""Find links to a GitLab address that is no longer the org's."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import exists, func, select

from gitlab_links.extensions import db
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.models import GitLabItem, GitLabProject

_LINKED = exists().where(GitLabItem.project_id == GitLabProject.id)


def projects_elsewhere(org_ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Mapping[str, int]]:
    """The number of linked projects at each other address, by org."""
    found: defaultdict[uuid.UUID, dict[str, int]] = defaultdict(dict)
    rows = db.session.execute(
        select(GitLabProject.org_id, GitLabProject.base_url, func.count().label("projects"))
        .join(OrgGitLabIntegration, OrgGitLabIntegration.org_id == GitLabProject.org_id)
        .where(
            GitLabProject.org_id.in_(org_ids),
            GitLabProject.base_url != OrgGitLabIntegration.base_url,
            _LINKED,
        )
        .group_by(GitLabProject.org_id, GitLabProject.base_url)
        .order_by(GitLabProject.base_url)
    )
    for row in rows:
        found[row.org_id][row.base_url] = row.projects
    return found


def former_addresses(org_id: uuid.UUID, base_url: str) -> Sequence[str]:
    """The addresses other than ``base_url`` in the org's links."""
    return db.session.scalars(
        select(GitLabProject.base_url)
        .where(GitLabProject.org_id == org_id, GitLabProject.base_url != base_url, _LINKED)
        .distinct()
        .order_by(GitLabProject.base_url)
    ).all()
