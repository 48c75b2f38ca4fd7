"""What a token is tried on: lists that the org's links are read from."""

import uuid
from dataclasses import replace

from sqlalchemy import func, select

from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemType
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.integrations.validation import Question, prepare
from gitlab_links.links.models import GitLabItem, GitLabProject

LISTS_OF_EACH_TYPE = 2


def prepare_check(org_id: uuid.UUID) -> Question:
    """Read what is needed for asking GitLab about the token."""
    question = prepare(org_id)
    if question.credentials is None:
        return question
    lists = [entry for item_type in ItemType for entry in _lists(org_id, item_type)]
    return replace(question, needed=lists)


def _lists(org_id: uuid.UUID, item_type: ItemType) -> list[tuple[int | str, ItemType]]:
    """Those read last, of projects that GitLab has shown."""
    project, integration = GitLabProject, OrgGitLabIntegration
    found = db.session.scalars(
        select(project.gitlab_id)
        .join(GitLabItem, GitLabItem.project_id == project.id)
        .join(integration, integration.org_id == project.org_id)
        .where(
            project.org_id == org_id,
            project.base_url == integration.base_url,
            project.gitlab_id.is_not(None),
            GitLabItem.type == item_type,
        )
        .group_by(project.gitlab_id)
        .order_by(func.max(GitLabItem.last_synced_at).desc())
        .limit(LISTS_OF_EACH_TYPE)
    )
    return [(gitlab_id, item_type) for gitlab_id in found if gitlab_id is not None]
