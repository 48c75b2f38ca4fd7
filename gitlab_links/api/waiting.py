"""/api/orgs/<org_id>/waiting"""

import uuid
from typing import Any

from gitlab_links.accounts.members import lock_own_membership
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Permission
from gitlab_links.api.blueprints import links
from gitlab_links.api.schemas.waiting import WaitingChange, WaitingEnvelope
from gitlab_links.http.access import access
from gitlab_links.http.conditional import locks
from gitlab_links.http.guard import current_principal
from gitlab_links.waiting.accounts import set_gitlab_username
from gitlab_links.waiting.digests import digest_zone, set_digest_zone
from gitlab_links.waiting.queries import waiting_for


@links.get("/api/orgs/<uuid:org_id>/waiting")
@access(Permission.LINK_READ)
@links.returns(200, WaitingEnvelope)
def waiting_get(org_id: uuid.UUID) -> dict[str, Any]:
    """List the merge requests that wait on the caller

    Of those linked to tasks: where the caller is to review and has not, the caller's own with
    changes asked for or a failed pipeline, and the caller's own that can be merged. An older
    GitLab does not send how far a reviewer is; there an approval or a comment counts as done.
    """
    return _shown(current_principal())


@links.patch("/api/orgs/<uuid:org_id>/waiting")
@access(Permission.LINK_WRITE)
@links.body(WaitingChange)
@links.returns(200, WaitingEnvelope)
@locks(lambda _org_id: lock_own_membership(current_principal()))
def waiting_patch(change: dict[str, Any], org_id: uuid.UUID) -> dict[str, Any]:
    """Say which GitLab account is the caller's, and turn the daily mail on or off"""
    principal = current_principal()
    if "gitlab_username" in change:
        set_gitlab_username(principal, change["gitlab_username"])
    if "digest_time_zone" in change:
        set_digest_zone(principal, change["digest_time_zone"])
    return _shown(principal)


def _shown(principal: Principal) -> dict[str, Any]:
    found = waiting_for(principal)
    return {
        "gitlab_username": found.gitlab_username,
        "digest_time_zone": digest_zone(principal.org_id, principal.user_id),
        "waiting": found.waiting,
    }
