"""/api/orgs/<org_id>/overview"""

import uuid
from typing import Any

from gitlab_links.accounts.roles import Permission
from gitlab_links.api.blueprints import refuses, tasks
from gitlab_links.api.schemas.overview import OverviewEnvelope
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.overview.queries import BeingCounted, overview_for
from gitlab_links.rollup.visibility import Visibility

SECONDS_TO_COUNT = 3


@tasks.get("/api/orgs/<uuid:org_id>/overview")
@access(Permission.TASK_READ)
@tasks.returns(200, OverviewEnvelope)
@refuses(BeingCounted)
def overview_get(org_id: uuid.UUID) -> dict[str, Any]:
    """Count what needs somebody, and show how work flows

    In a large org the figures are up to a minute old, and older once nobody has looked at them
    for a while: `computed_at` says when they were counted. If nobody has looked for an hour, the
    answer is 503 with the code `being_counted`; they are there a few seconds later. A caller who
    may not see links gets the tasks that are overdue, and the age of open tasks.
    """
    figures = overview_for(Visibility.of(current_principal())).figures
    if figures is None:
        raise BeingCounted(
            "The figures of this org are being counted. Ask again in a few seconds.",
            retry_after=SECONDS_TO_COUNT,
        )
    needs = [{"need": need, "tasks": count} for need, count in figures.needs.items()]
    return {
        "overview": {
            "computed_at": figures.computed_at,
            "needs": needs,
            "open_work": figures.open_work,
            "flow": figures.flow,
        }
    }
