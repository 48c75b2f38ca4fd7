"""Link what mentioned a task before there was such a task. Nothing here commits."""

import uuid
from datetime import datetime

from gitlab_links.gitlab.items import ItemRef, ItemType
from gitlab_links.integrations.changes import find_integration
from gitlab_links.links.freshness import request_refresh
from gitlab_links.links.items import cached_items
from gitlab_links.mentions.attaching import attach_mentioned
from gitlab_links.mentions.pending import due_pending, forget_pending

BATCH_SIZE = 100


def link_pending(org_id: uuid.UUID, now: datetime) -> tuple[int, bool]:
    """Take up a batch of mentions whose tasks exist by now: link the items whose stored mentions
    say so, and have GitLab asked about the others.

    Returns how many mentions there were, and whether a fetch is due.
    """
    due = due_pending(org_id, BATCH_SIZE)
    if not due:
        return 0, False
    integration = find_integration(org_id)
    base_url = None if integration is None else integration.base_url
    refs = dict.fromkeys(
        ItemRef(row.path, ItemType(row.type), row.iid) for row in due if row.base_url == base_url
    )
    items = cached_items(org_id, base_url, list(refs)) if base_url is not None else []
    unread = [item for item in items if item.mentions is None]
    for item in unread:
        # Nothing else may have made the row: without a mention, the first answer deletes it.
        item.announced = item.fetched_at is None
        request_refresh(item, now)
    forget_pending(due)
    read = [item for item in items if item.mentions is not None]
    if read:
        attach_mentioned(org_id, read)
    return len(due), bool(unread)
