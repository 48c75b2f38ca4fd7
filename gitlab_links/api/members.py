"""/api/orgs/<org_id>/members"""

import uuid
from dataclasses import asdict
from typing import Any

from gitlab_links.accounts.grants import AdminByKey
from gitlab_links.accounts.members import (
    LastAdmin,
    MemberExists,
    add_member,
    change_role,
    find_member,
    lock_member,
    members_page,
    remove_member,
)
from gitlab_links.accounts.roles import Permission
from gitlab_links.api.answers import location
from gitlab_links.api.blueprints import accounts, refuses
from gitlab_links.api.paging import listed
from gitlab_links.api.schemas.accounts import (
    AddedMemberEnvelope,
    MemberChange,
    MemberEnvelope,
    MembersEnvelope,
    NewMember,
)
from gitlab_links.api.schemas.common import Page
from gitlab_links.http.access import access
from gitlab_links.http.conditional import locks
from gitlab_links.http.guard import current_principal


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
@accounts.returns(201, AddedMemberEnvelope)
@refuses(MemberExists, AdminByKey)
def members_post(new: dict[str, Any], org_id: uuid.UUID) -> Any:
    """Add a member

    The initial password is shown only once. It is valid if the person is new here. For a
    person who already has an account the answer looks the same, and the password is not
    valid. A key needs the scopes of every permission of the role, and cannot add admins.
    """
    added = add_member(
        current_principal(),
        new["email"],
        new["name"] or new["email"].partition("@")[0],
        new["role"],
    )
    where = location("accounts.member_get", org_id=org_id, member_id=added.member.id)
    return asdict(added), 201, where


@accounts.get("/api/orgs/<uuid:org_id>/members/<uuid:member_id>")
@access(Permission.MEMBERS_READ)
@accounts.returns(200, MemberEnvelope)
def member_get(org_id: uuid.UUID, member_id: uuid.UUID) -> dict[str, Any]:
    """Show a member"""
    return {"member": find_member(org_id, member_id)}


@accounts.patch("/api/orgs/<uuid:org_id>/members/<uuid:member_id>")
@access(Permission.MEMBERS_WRITE)
@locks(lock_member)
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
@locks(lock_member)
@accounts.returns(204)
@refuses(LastAdmin)
def member_delete(org_id: uuid.UUID, member_id: uuid.UUID) -> None:
    """Remove a member

    Their API keys of this org are revoked, too.
    """
    remove_member(current_principal(), member_id)
