"""Check that GitLab's answer is about the linked item, and not another with the same number.

Numbers and project ids repeat when a GitLab or a project is created anew.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from gitlab_links.gitlab.snapshot import Snapshot
from gitlab_links.links.models import GitLabItem

if TYPE_CHECKING:
    from gitlab_links.sync.fetching import Answer

# Webhooks of older GitLabs leave out the fraction of a second.
GRAIN = timedelta(seconds=1)


def is_same(item: GitLabItem, snapshot: Snapshot) -> bool | None:
    """Compare GitLab's id across projects and the creation time; None if neither is known.

    Both are compared, because a new GitLab counts its ids from one again. Both come from the
    API: a webhook's body does not prove them.
    """
    known = item.gitlab_id is not None and snapshot.gitlab_id is not None
    if known and item.gitlab_id != snapshot.gitlab_id:
        return False
    made = item.gitlab_created_at
    if item.fetched_at is not None and made and isinstance(snapshot.created_at, datetime):
        return abs(made - snapshot.created_at) < GRAIN
    return True if known else None


def accepted(answer: "Answer", items: Mapping[uuid.UUID, GitLabItem]) -> dict[int, Snapshot]:
    """The snapshots that belong to their items.

    Empty if another project has the id now: our path leads to another project, and no item
    is a known one.
    """
    verdicts = {
        due.iid: is_same(items[due.id], answer.snapshots[due.iid])
        for due in answer.batch.items
        if due.id in items and due.iid in answer.snapshots
    }
    if answer.path_owner is not None and True not in verdicts.values():
        return {}
    return {iid: answer.snapshots[iid] for iid, same in verdicts.items() if same is not False}
