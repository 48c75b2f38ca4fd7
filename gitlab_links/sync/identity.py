"""Whether what GitLab gives is the item that was linked, or another under the same number.

Numbers and project ids come again where a GitLab is built anew, or a project is made again.
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
    """By GitLab's id across projects and by when it was made; None where neither is known.

    Both, as a GitLab that is built anew counts its ids from one again. As the API gave them:
    a webhook's body proves neither.
    """
    known = item.gitlab_id is not None and snapshot.gitlab_id is not None
    if known and item.gitlab_id != snapshot.gitlab_id:
        return False
    made = item.gitlab_created_at
    if item.fetched_at is not None and made and isinstance(snapshot.created_at, datetime):
        return abs(made - snapshot.created_at) < GRAIN
    return True if known else None


def accepted(answer: "Answer", items: Mapping[uuid.UUID, GitLabItem]) -> dict[int, Snapshot]:
    """The snapshots that are of the items they were asked for.

    None at all if another project has the id now: the path of ours leads elsewhere, and no
    item is one that was known.
    """
    verdicts = {
        due.iid: is_same(items[due.id], answer.snapshots[due.iid])
        for due in answer.batch.items
        if due.id in items and due.iid in answer.snapshots
    }
    if answer.path_owner is not None and True not in verdicts.values():
        return {}
    return {iid: answer.snapshots[iid] for iid, same in verdicts.items() if same is not False}
