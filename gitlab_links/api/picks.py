"""/api/orgs/<org_id>/integrations/gitlab/projects: picking projects from GitLab's list"""

import uuid
from typing import Any

from gitlab_links.accounts.roles import Permission
from gitlab_links.api.blueprints import integrations, refuses
from gitlab_links.api.health import BASE, NO_CREDENTIALS
from gitlab_links.api.schemas.picks import (
    ChoicesEnvelope,
    OperationsEnvelope,
    PickedEnvelope,
    PickSchema,
    SearchQuery,
)
from gitlab_links.clock import utcnow
from gitlab_links.gitlab.listed_project import ListedProject
from gitlab_links.health.project_picks import (
    PickedElsewhere,
    ProjectsNotListed,
    StaleList,
    choices,
    pick,
)
from gitlab_links.health.watching import make_all_hooks, unwatch
from gitlab_links.http.access import access
from gitlab_links.http.gitlab_waits import WAITS
from gitlab_links.http.guard import current_principal


@integrations.get(f"{BASE}/projects")
@access(Permission.INTEGRATION)
@integrations.query(SearchQuery)
@integrations.returns(200, ChoicesEnvelope)
@refuses(ProjectsNotListed, *NO_CREDENTIALS, *WAITS)
def gitlab_projects_get(query: dict[str, Any], org_id: uuid.UUID) -> dict[str, Any]:
    """List the projects that can be watched

    The projects that the token's owner may read as a member (at least as a Reporter), as GitLab
    lists them now.
    """
    found = choices(current_principal(), query["q"] or "", query["page"])
    return {
        "projects": [
            {
                **_listed(one.project),
                "project_id": None if one.known is None else one.known.id,
                "choice": one.text,
                "picked": one.known is not None and one.known.picked,
                "links": 0 if one.known is None else one.known.links,
                "hook_state": None if one.known is None else one.known.hook_state,
            }
            for one in found.choices
        ],
        "next_page": found.next_page,
    }


def _listed(project: ListedProject) -> dict[str, Any]:
    return {
        "gitlab_id": project.gitlab_id,
        "path": project.path,
        "maintained": project.maintained,
    }


@integrations.post(f"{BASE}/projects")
@access(Permission.INTEGRATION)
@integrations.body(PickSchema)
@integrations.returns(202, PickedEnvelope)
@refuses(StaleList, PickedElsewhere)
def gitlab_projects_post(body: dict[str, Any], org_id: uuid.UUID) -> dict[str, Any]:
    """Watch listed projects

    They are watched although nothing is linked, until the watch is ended. A worker creates
    each webhook with a secret of its own, in projects that the token's owner maintains. Each of
    these has an operation that shows its progress.
    """
    picked = pick(current_principal(), body["choices"])
    return {
        "projects": [{**_listed(one.project), "project_id": one.project_id} for one in picked],
        "operations": [one.operation for one in picked if one.operation is not None],
    }


@integrations.post(f"{BASE}/projects/hooks")
@access(Permission.INTEGRATION)
@integrations.returns(202, OperationsEnvelope)
@refuses(*NO_CREDENTIALS)
def gitlab_projects_hooks_post(org_id: uuid.UUID) -> dict[str, Any]:
    """Have all missing webhooks created

    Creates or repairs the webhook of each watched project that has no working one, 100 at most
    with one request. Each has an operation that shows its progress.
    """
    return {"operations": make_all_hooks(current_principal(), utcnow())}


@integrations.delete(f"{BASE}/projects/<uuid:project_id>/watch")
@access(Permission.INTEGRATION)
@integrations.returns(204)
def gitlab_project_watch_delete(org_id: uuid.UUID, project_id: uuid.UUID) -> None:
    """Stop watching a chosen project

    If it has links, it stays watched as long as it has. If it has none, a worker deletes its
    webhook in GitLab.
    """
    unwatch(current_principal(), project_id)
