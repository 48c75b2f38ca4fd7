"""/api/orgs"""

import uuid
from typing import Any

from gitlab_links.accounts.members import LastAdmin, leave_org
from gitlab_links.accounts.orgs import find_org, lock_org, orgs_page, update_org
from gitlab_links.accounts.roles import Permission
from gitlab_links.api.blueprints import accounts, refuses
from gitlab_links.api.paging import listed
from gitlab_links.api.schemas.accounts import OrgChange, OrgEnvelope, OrgsEnvelope
from gitlab_links.api.schemas.common import Page
from gitlab_links.http.access import access, signed_in
from gitlab_links.http.conditional import locks
from gitlab_links.http.guard import current_caller, current_principal


@accounts.get("/api/orgs")
@signed_in
@accounts.query(Page)
@accounts.returns(200, OrgsEnvelope)
def orgs_get(query: dict[str, Any]) -> dict[str, Any]:
    """List the caller's orgs

    The orgs that the person is a member of; with an API key, the org of the key.
    """
    caller = current_caller()
    only = None if caller.key is None else caller.key.org_id
    return listed("orgs", query, lambda **page: orgs_page(caller.user_id, only=only, **page))


@accounts.get("/api/orgs/<uuid:org_id>")
@access(Permission.ORG_READ)
@accounts.returns(200, OrgEnvelope)
def org_get(org_id: uuid.UUID) -> dict[str, Any]:
    """Show an org"""
    return {"org": find_org(current_principal())}


@accounts.patch("/api/orgs/<uuid:org_id>")
@access(Permission.ORG_WRITE)
@locks(lock_org)
@accounts.body(OrgChange)
@accounts.returns(200, OrgEnvelope)
def org_patch(change: dict[str, Any], org_id: uuid.UUID) -> dict[str, Any]:
    """Rename an org, or change the prefix of its task references or its branch names"""
    return {"org": update_org(current_principal(), **change)}


@accounts.post("/api/orgs/<uuid:org_id>/leave")
@access(Permission.ORG_LEAVE)
@accounts.returns(204)
@refuses(LastAdmin)
def org_leave_post(org_id: uuid.UUID) -> None:
    """Leave an org

    Ends the caller's own membership and revokes their API keys of this org. The last admin
    cannot leave.
    """
    leave_org(current_principal())
