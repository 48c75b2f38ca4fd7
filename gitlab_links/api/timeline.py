"""/api/orgs/<org_id>/tasks/<task_id>/events"""

import uuid
from typing import Any

from gitlab_links.accounts.roles import Permission
from gitlab_links.api.blueprints import events
from gitlab_links.api.paging import listed
from gitlab_links.api.schemas.events import TaskEventsEnvelope, TaskEventsQuery
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.outgoing.bodies import EventBody, event_body
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.tasks.queries import require_task
from gitlab_links.timeline.queries import timeline_page


@events.get("/api/orgs/<uuid:org_id>/tasks/<uuid:task_id>/events")
@access(Permission.LINK_READ)
@events.query(TaskEventsQuery)
@events.returns(200, TaskEventsEnvelope)
def task_events_get(query: dict[str, Any], org_id: uuid.UUID, task_id: uuid.UUID) -> Any:
    """List what happened to a task, the newest first

    Its own changes, its links, and what changed of their items. Of confidential items, callers
    who may not see them read only that they were linked and unlinked, also of the past.
    """
    require_task(org_id, task_id)
    visibility = Visibility.of(current_principal())

    def page(**part: Any) -> list[EventBody]:
        entries = timeline_page(visibility, task_id, query["types"], **part)
        return [event_body(entry.event, withheld=entry.withheld) for entry in entries]

    return listed("events", query, page)
