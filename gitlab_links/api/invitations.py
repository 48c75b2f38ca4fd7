"""/api/orgs/<org_id>/invitations; a new one is made by a POST to members."""

import uuid
from dataclasses import asdict
from typing import Any

from gitlab_links.accounts.grants import AdminByKey
from gitlab_links.accounts.roles import Permission
from gitlab_links.api.blueprints import accounts, refuses
from gitlab_links.api.paging import listed
from gitlab_links.api.schemas.accounts import (
    InvitationEnvelope,
    InvitationsEnvelope,
    NewInvitationEnvelope,
)
from gitlab_links.api.schemas.common import Page
from gitlab_links.http.access import access
from gitlab_links.http.conditional import locks
from gitlab_links.http.guard import current_principal
from gitlab_links.invitations.changes import lock_invitation, resend, revoke
from gitlab_links.invitations.queries import find_invitation, invitations_page


@accounts.get("/api/orgs/<uuid:org_id>/invitations")
@access(Permission.MEMBERS_READ)
@accounts.query(Page)
@accounts.returns(200, InvitationsEnvelope)
def invitations_get(query: dict[str, Any], org_id: uuid.UUID) -> dict[str, Any]:
    """List the invitations that nobody has accepted"""
    return listed("invitations", query, lambda **page: invitations_page(org_id, **page))


@accounts.get("/api/orgs/<uuid:org_id>/invitations/<uuid:invitation_id>")
@access(Permission.MEMBERS_READ)
@accounts.returns(200, InvitationEnvelope)
def invitation_get(org_id: uuid.UUID, invitation_id: uuid.UUID) -> dict[str, Any]:
    """Show an invitation"""
    return {"invitation": find_invitation(org_id, invitation_id)}


@accounts.post("/api/orgs/<uuid:org_id>/invitations/<uuid:invitation_id>/resend")
@access(Permission.MEMBERS_WRITE)
@accounts.returns(200, NewInvitationEnvelope)
@refuses(AdminByKey)
def invitation_resend_post(org_id: uuid.UUID, invitation_id: uuid.UUID) -> dict[str, Any]:
    """Send an invitation again

    It gets a new link for another 7 days; the earlier link no longer works.
    """
    return asdict(resend(current_principal(), invitation_id))


@accounts.delete("/api/orgs/<uuid:org_id>/invitations/<uuid:invitation_id>")
@access(Permission.MEMBERS_WRITE)
@accounts.returns(204)
@locks(lock_invitation)
def invitation_delete(org_id: uuid.UUID, invitation_id: uuid.UUID) -> None:
    """Revoke an invitation

    Its link no longer works.
    """
    revoke(current_principal(), invitation_id)
