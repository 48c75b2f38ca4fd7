"""/api/orgs/<org_id>/events"""

import uuid
from functools import partial
from typing import Any

from gitlab_links.accounts.roles import Permission
from gitlab_links.api.blueprints import events, refuses
from gitlab_links.api.schemas.events import EventFeedEnvelope, EventFeedQuery
from gitlab_links.events.publishing import has_unpublished
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.http.transactions import write_after_commit
from gitlab_links.outgoing.feed import CursorUnknown, EventsGone, FeedPage, feed_page
from gitlab_links.outgoing.outbox import publish_and_send


@events.get("/api/orgs/<uuid:org_id>/events")
@access(Permission.LINK_READ)
@events.query(EventFeedQuery)
@events.returns(200, EventFeedEnvelope)
@refuses(EventsGone, CursorUnknown)
def events_get(query: dict[str, Any], org_id: uuid.UUID) -> FeedPage:
    """List what has happened, in order, from a position on

    Complete, removals included: an event that commits late is never placed before one that
    was read. Of confidential items, callers who may not see them read only that they were
    linked and unlinked. Events of the connection need the scope `admin` and the role for it.
    """
    page = feed_page(
        current_principal(), after=query["after"], types=query["types"], limit=query["limit"]
    )
    if not page.has_more and has_unpublished(org_id):
        # Workers do this within a second; without them, the next request reads the events.
        write_after_commit("events.not_published", partial(publish_and_send, org_id))
    return page
