"""Which status of a pipeline wins: an event's, or that of an answer of GitLab's API.

The body of a Pipeline Hook has no time of its own. Its status is taken without a call only if
GitLab's API has named this very pipeline as the merge request's newest one, and the status that is
stored is one that pipelines pass through. What ends a pipeline is never followed by what was
before it, unless somebody runs it again: then GitLab's API is asked.
"""

from datetime import datetime

from gitlab_links.gitlab.pipelines import PIPELINE_MOVING, ReportedPipeline
from gitlab_links.links.models import GitLabItem


def apply_reported(
    item: GitLabItem, pipeline: ReportedPipeline, received_at: datetime, now: datetime
) -> bool:
    """Apply the status in an event's body; False if GitLab's API has to be asked.

    An answer that was asked for after the event was received has this status, or a newer one.
    """
    read_at = item.detail_fetched_at
    if (
        item.head_pipeline_id != pipeline.id
        or item.head_sha != pipeline.sha
        or item.source_project_id != pipeline.project_id
        or item.pipeline_status not in PIPELINE_MOVING
        or item.pipeline_hidden
        or item.error_code is not None
        or read_at is None
        or read_at >= received_at
    ):
        return False
    item.pipeline_webhook_at = received_at
    if item.pipeline_status != pipeline.status:
        item.pipeline_status = pipeline.status
        item.changed_at = now
    item.detail_wanted = pipeline.status in PIPELINE_MOVING
    return True


def is_overtaken(item: GitLabItem, started_at: datetime, now: datetime) -> bool:
    """Whether an answer is older than the status that an event brought meanwhile."""
    at = item.pipeline_webhook_at
    return at is not None and started_at < at <= now
