"""Refresh merge requests from the same branch: they share its pipelines."""

import uuid
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import and_, or_, update

from gitlab_links.extensions import change_rows
from gitlab_links.gitlab.items import ItemType
from gitlab_links.links.freshness import ENDED
from gitlab_links.links.models import GitLabItem


def request_siblings(org_id: uuid.UUID, changed: Collection[GitLabItem], now: datetime) -> None:
    """Request a fetch of open merge requests at the commit of one whose pipeline changed.

    A pipeline's event therefore requests only one item; its answer leads to the others.
    Makes no statement if no pipeline changed.
    """
    sources = {
        (item.source_project_id, item.source_branch, item.head_sha, item.pipeline_status)
        for item in changed
        if item.source_branch is not None and item.head_sha is not None
    }
    if not sources:
        return
    item = GitLabItem
    same = [
        and_(
            item.source_project_id == project_id,
            item.source_branch == branch,
            item.head_sha == sha,
            item.pipeline_status.is_distinct_from(status),
        )
        for project_id, branch, sha, status in sources
    ]
    change_rows(
        update(item)
        .where(
            item.org_id == org_id,
            item.type == ItemType.MERGE_REQUEST,
            item.state.not_in(ENDED),
            item.pipeline_hidden.is_not(True),
            item.id.not_in([one.id for one in changed]),
            or_(*same),
        )
        .values(refresh_requested_at=now, next_sync_at=now, detail_wanted=True)
    )
