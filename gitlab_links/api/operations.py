"""/api/orgs/<org_id>/operations"""

import uuid
from typing import Any

from gitlab_links.accounts.roles import Permission
from gitlab_links.api.blueprints import integrations
from gitlab_links.api.schemas.operations import OperationEnvelope
from gitlab_links.http.access import access
from gitlab_links.operations.queue import find_operation


@integrations.get("/api/orgs/<uuid:org_id>/operations/<uuid:operation_id>")
@access(Permission.INTEGRATION)
@integrations.returns(200, OperationEnvelope)
def operation_get(org_id: uuid.UUID, operation_id: uuid.UUID) -> dict[str, Any]:
    """Show the progress of an operation

    Requests that take several calls to GitLab answer with one. It is deleted after 30 days.
    """
    return {"operation": find_operation(org_id, operation_id)}
