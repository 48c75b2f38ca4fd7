"""/api/orgs/<org_id>/integrations/gitlab/issue-tracker: clickable keys in GitLab"""

import uuid
from typing import Any

from gitlab_links.accounts.roles import Permission
from gitlab_links.api.answers import location
from gitlab_links.api.blueprints import integrations, refuses
from gitlab_links.api.health import BASE, NO_CREDENTIALS
from gitlab_links.api.schemas.issue_tracker import TrackerEnvelope
from gitlab_links.api.schemas.operations import OperationEnvelope
from gitlab_links.gitlab.issue_trackers import TrackerFields
from gitlab_links.health.issue_tracker import ask_for_tracker, tracker_fields
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal


@integrations.get(f"{BASE}/issue-tracker")
@access(Permission.INTEGRATION)
@integrations.returns(200, TrackerEnvelope)
def gitlab_issue_tracker_get(org_id: uuid.UUID) -> dict[str, TrackerFields]:
    """Show what makes keys clickable in GitLab

    The fields of the integration *Custom issue tracker* of a project or group.
    """
    return {"issue_tracker": tracker_fields(org_id)}


@integrations.post(f"{BASE}/projects/<uuid:project_id>/issue-tracker")
@access(Permission.INTEGRATION)
@integrations.returns(202, OperationEnvelope)
@refuses(*NO_CREDENTIALS)
def gitlab_project_issue_tracker_post(org_id: uuid.UUID, project_id: uuid.UUID) -> Any:
    """Have keys made clickable in a project

    Sets the project's custom issue tracker, unless it has another issue tracker: then the
    operation fails with `other_tracker`. Needs a maintainer's token with the scope `api`.
    """
    operation = ask_for_tracker(current_principal(), project_id)
    where = location("integrations.operation_get", org_id=org_id, operation_id=operation.id)
    return {"operation": operation}, 202, where
