"""/api/orgs/<org_id>/people"""

import uuid
from functools import partial
from typing import Any

from gitlab_links.accounts.people import colleagues_page
from gitlab_links.accounts.roles import Permission
from gitlab_links.api.blueprints import accounts
from gitlab_links.api.paging import listed
from gitlab_links.api.schemas.accounts import PeopleEnvelope
from gitlab_links.api.schemas.common import Page
from gitlab_links.http.access import access


@accounts.get("/api/orgs/<uuid:org_id>/people")
@access(Permission.TASK_READ)
@accounts.query(Page)
@accounts.returns(200, PeopleEnvelope)
def people_get(query: dict[str, Any], org_id: uuid.UUID) -> dict[str, Any]:
    """List who works on an org's tasks

    The names behind `assignee_id` and `created_by`, without roles and addresses.
    """
    return listed("people", query, partial(colleagues_page, org_id))
