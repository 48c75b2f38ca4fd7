"""/api/orgs/<org_id>/waiting"""

import uuid
from typing import Any

from gitlab_links.accounts.roles import Permission
from gitlab_links.api.blueprints import links
from gitlab_links.api.schemas.waiting import WaitingChange, WaitingEnvelope
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.waiting.accounts import set_gitlab_username
from gitlab_links.waiting.queries import Waiting, waiting_for


@links.get("/api/orgs/<uuid:org_id>/waiting")
@access(Permission.LINK_READ)
@links.returns(200, WaitingEnvelope)
def waiting_get(org_id: uuid.UUID) -> Waiting:
    """List the merge requests that wait on the caller

    Of those linked to tasks: where the caller is to review and has not, the caller's own with
    changes asked for or a failed pipeline, and the caller's own that can be merged. An older
    GitLab does not send how far a reviewer is; there an approval or a comment counts as done.
    """
    return waiting_for(current_principal())


@links.patch("/api/orgs/<uuid:org_id>/waiting")
@access(Permission.LINK_WRITE)
@links.body(WaitingChange)
@links.returns(200, WaitingEnvelope)
def waiting_patch(change: dict[str, Any], org_id: uuid.UUID) -> Waiting:
    """Say which GitLab account is the caller's"""
    set_gitlab_username(current_principal(), change["gitlab_username"])
    return waiting_for(current_principal())
