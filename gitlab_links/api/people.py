"""/api/orgs/<org_id>/people"""

import uuid
from functools import partial
from typing import Any

from gitlab_links.accounts.people import colleagues_page
from gitlab_links.accounts.roles import Permission
from gitlab_links.api.blueprints import accounts
from gitlab_links.api.paging import listed
from gitlab_links.api.schemas.accounts import PeopleEnvelope, PersonEnvelope
from gitlab_links.api.schemas.common import Page
from gitlab_links.http.access import access
from gitlab_links.links.people import person_known_to


@accounts.get("/api/orgs/<uuid:org_id>/people")
@access(Permission.TASK_READ)
@accounts.query(Page)
@accounts.returns(200, PeopleEnvelope)
def people_get(query: dict[str, Any], org_id: uuid.UUID) -> dict[str, Any]:
    """List who works on an org's tasks

    Whoever may be assigned to a task, without roles and addresses. Of a service account, and of
    who has left the org, the name is found by the id alone.
    """
    return listed("people", query, partial(colleagues_page, org_id))


@accounts.get("/api/orgs/<uuid:org_id>/people/<uuid:user_id>")
@access(Permission.TASK_READ)
@accounts.returns(200, PersonEnvelope)
def person_get(org_id: uuid.UUID, user_id: uuid.UUID) -> dict[str, Any]:
    """Show who is behind an `assignee_id` or `created_by`

    Also a service account, and who has left the org.
    """
    return {"person": person_known_to(org_id, user_id)}
