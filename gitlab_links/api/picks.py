"""/api/orgs/<org_id>/integrations/gitlab/projects: picking projects from GitLab's list"""

import uuid
from typing import Any

from gitlab_links.accounts.roles import Permission
from gitlab_links.api.blueprints import integrations, refuses
from gitlab_links.api.health import BASE, NO_CREDENTIALS
from gitlab_links.api.schemas.picks import (
    ChoicesEnvelope,
    PickedEnvelope,
    PickSchema,
    SearchQuery,
)
from gitlab_links.health.project_picks import (
    PickedElsewhere,
    ProjectsNotListed,
    StaleList,
    choices,
    pick,
)
from gitlab_links.http.access import access
from gitlab_links.http.gitlab_waits import WAITS
from gitlab_links.http.guard import current_principal


@integrations.get(f"{BASE}/projects")
@access(Permission.INTEGRATION)
@integrations.query(SearchQuery)
@integrations.returns(200, ChoicesEnvelope)
@refuses(ProjectsNotListed, *NO_CREDENTIALS, *WAITS)
def gitlab_projects_get(query: dict[str, Any], org_id: uuid.UUID) -> dict[str, Any]:
    """List the projects whose webhooks can be created

    The projects that the token's owner maintains, as GitLab lists them now.
    """
    found = choices(current_principal(), query["q"].strip())
    return {
        "projects": [
            {"gitlab_id": one.gitlab_id, "path": one.path, "choice": choice}
            for one, choice in found
        ]
    }


@integrations.post(f"{BASE}/projects")
@access(Permission.INTEGRATION)
@integrations.body(PickSchema)
@integrations.returns(202, PickedEnvelope)
@refuses(StaleList, PickedElsewhere)
def gitlab_projects_post(body: dict[str, Any], org_id: uuid.UUID) -> dict[str, Any]:
    """Have the webhooks of listed projects created

    A worker creates each webhook with a secret of its own. Each has an operation that shows
    its progress.
    """
    picked = pick(current_principal(), body["choices"])
    return {
        "projects": [one.project for one in picked],
        "operations": [one.operation for one in picked],
    }
