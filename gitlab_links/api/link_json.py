"""Links as JSON, without a schema, which would take longer than the query.

A test compares this with ``schemas.links``, which the contract is made from.
"""

from typing import Any

from gitlab_links.api.schemas.fields import time_text
from gitlab_links.links.link_views import LinkView


def link_json(view: LinkView) -> dict[str, Any]:
    """One link as the contract describes it."""
    sync = view.sync
    return {
        "id": str(view.id),
        "task_id": str(view.task_id),
        "url": view.url,
        "project_path": view.project_path,
        "gitlab_type": view.gitlab_type,
        "gitlab_iid": view.gitlab_iid,
        "reference": view.reference,
        "title": view.title,
        "state": view.state,
        "draft": view.draft,
        "confidential": view.confidential,
        "labels": view.labels,
        "assignees": view.assignees,
        "reviewers": view.reviewers,
        "author": view.author,
        "milestone": view.milestone,
        "due_date": None if view.due_date is None else view.due_date.isoformat(),
        "merge_status": view.merge_status,
        "pipeline_status": view.pipeline_status,
        "gitlab_created_at": time_text(view.gitlab_created_at),
        "gitlab_updated_at": time_text(view.gitlab_updated_at),
        "closed_at": time_text(view.closed_at),
        "merged_at": time_text(view.merged_at),
        "created_at": time_text(view.created_at),
        "sync": {
            "status": sync.status,
            "last_synced_at": time_text(sync.last_synced_at),
            "next_sync_at": time_text(sync.next_sync_at),
            "error_code": sync.error_code,
            "paused_until": time_text(sync.paused_until),
        },
    }
