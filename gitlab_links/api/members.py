"""/api/orgs/<org_id>/members"""

import uuid
from dataclasses import asdict
from typing import Any

from gitlab_links.accounts.grants import AdminByKey
from gitlab_links.accounts.members import (
    LastAdmin,
    MemberExists,
    change_role,
    find_member,
    members_page,
    remove_member,
)
from gitlab_links.accounts.orgs import lock_org
from gitlab_links.accounts.roles import Permission
from gitlab_links.api.answers import location
from gitlab_links.api.blueprints import accounts, refuses
from gitlab_links.api.paging import listed
from gitlab_links.api.schemas.accounts import (
    MemberChange,
    MemberEnvelope,
    MembersEnvelope,
    NewInvitationEnvelope,
    NewMember,
)
from gitlab_links.api.schemas.common import Page
from gitlab_links.http.access import access
from gitlab_links.http.conditional import locks
from gitlab_links.http.guard import current_principal
from gitlab_links.invitations.changes import AlreadyInvited, invite


@accounts.get("/api/orgs/<uuid:org_id>/members")
@access(Permission.MEMBERS_READ)
@accounts.query(Page)
@accounts.returns(200, MembersEnvelope)
def members_get(query: dict[str, Any], org_id: uuid.UUID) -> dict[str, Any]:
    """List the members of an org"""
    return listed("members", query, lambda **page: members_page(org_id, **page))


@accounts.post("/api/orgs/<uuid:org_id>/members")
@access(Permission.MEMBERS_WRITE)
@accounts.body(NewMember)
@accounts.returns(201, NewInvitationEnvelope)
@refuses(MemberExists, AlreadyInvited, AdminByKey)
def members_post(new: dict[str, Any], org_id: uuid.UUID) -> Any:
    """Invite a person

    They become a member when they open the link of the invitation, which works once and for 7
    days. If the service sends mail, the link is mailed and `link` is null. If not, it is
    shown only in this answer, and the caller gives it to the person. The answer is the same
    whether or not the address has an account. A key needs the scopes of every permission of
    the role, and cannot invite admins.
    """
    invited = invite(
        current_principal(),
        new["email"],
        new["name"] or new["email"].partition("@")[0],
        new["role"],
    )
    where = location("accounts.invitation_get", org_id=org_id, invitation_id=invited.invitation.id)
    return asdict(invited), 201, where


@accounts.get("/api/orgs/<uuid:org_id>/members/<uuid:member_id>")
@access(Permission.MEMBERS_READ)
@accounts.returns(200, MemberEnvelope)
def member_get(org_id: uuid.UUID, member_id: uuid.UUID) -> dict[str, Any]:
    """Show a member"""
    return {"member": find_member(org_id, member_id)}


@accounts.patch("/api/orgs/<uuid:org_id>/members/<uuid:member_id>")
@access(Permission.MEMBERS_WRITE)
@locks(lock_org, of="org_id")
@accounts.body(MemberChange)
@accounts.returns(200, MemberEnvelope)
@refuses(LastAdmin, AdminByKey)
def member_patch(change: dict[str, Any], org_id: uuid.UUID, member_id: uuid.UUID) -> dict[str, Any]:
    """Give a member another role

    From the next request on, their API keys have at most the permissions of the new role. A
    key needs the scopes of every permission that the new role adds, and cannot make admins.
    """
    return {"member": change_role(current_principal(), member_id, change["role"])}


@accounts.delete("/api/orgs/<uuid:org_id>/members/<uuid:member_id>")
@access(Permission.MEMBERS_WRITE)
@locks(lock_org, of="org_id")
@accounts.returns(204)
@refuses(LastAdmin)
def member_delete(org_id: uuid.UUID, member_id: uuid.UUID) -> None:
    """Remove a member

    Their API keys of this org are revoked, too.
    """
    remove_member(current_principal(), member_id)
