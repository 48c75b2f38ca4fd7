"""A watched project, with what a call about it to the org's GitLab needs."""

import uuid
from dataclasses import dataclass

from gitlab_links.errors import NotFound
from gitlab_links.integrations.changes import find_integration
from gitlab_links.integrations.credentials import Credentials, credentials_of
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.models import GitLabProject
from gitlab_links.observations.models import GitLabProjectWatch
from gitlab_links.observations.project_watches import require_watch


@dataclass(frozen=True, slots=True)
class ReachedProject:
    """Rows of the session, and the credentials of the GitLab that the project is at."""

    watch: GitLabProjectWatch
    project: GitLabProject
    integration: OrgGitLabIntegration
    credentials: Credentials


def reached_project(org_id: uuid.UUID, project_row: uuid.UUID) -> ReachedProject:
    """The org's project, at the GitLab that its token is for.

    Raises :class:`NotFound` also for a project at a GitLab that the org has left: its number
    there names another project here. Raises what ``credentials_of`` raises.
    """
    watch, project = require_watch(org_id, project_row)
    integration = find_integration(org_id)
    credentials = credentials_of(integration)
    if integration is None or project.base_url != integration.base_url:
        raise NotFound
    return ReachedProject(watch, project, integration, credentials)
