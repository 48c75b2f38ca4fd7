"""Find the merge request of a branch's pipeline, which GitLab does not name."""

import uuid
from collections.abc import Collection, Iterable

from sqlalchemy import and_, or_, select

from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemType
from gitlab_links.gitlab.pipelines import BranchPipeline
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.freshness import ENDED
from gitlab_links.links.models import GitLabItem, GitLabProject

ItemKey = tuple[uuid.UUID, str, int]


def keys_from_branches(org_id: uuid.UUID, pipelines: Collection[BranchPipeline]) -> set[ItemKey]:
    """The linked merge requests with these source branches, in one SELECT at most."""
    if not pipelines:
        return set()
    branches = {(pipeline.project_id, pipeline.branch) for pipeline in pipelines}
    item = GitLabItem
    rows = db.session.execute(
        select(item.project_id, item.type, item.iid)
        .join(GitLabProject, GitLabProject.id == item.project_id)
        .join(OrgGitLabIntegration, OrgGitLabIntegration.org_id == item.org_id)
        .where(
            item.org_id == org_id,
            GitLabProject.base_url == OrgGitLabIntegration.base_url,
            item.type == ItemType.MERGE_REQUEST,
            or_(
                *(
                    and_(item.source_project_id == project_id, item.source_branch == branch)
                    for project_id, branch in sorted(branches)
                )
            ),
        )
    )
    return {(row.project_id, row.type, row.iid) for row in rows}


def merge_request_of(pipeline: BranchPipeline, items: Iterable[GitLabItem]) -> GitLabItem | None:
    """The merge request to fetch: one at this commit, or else an open one of the branch.

    Only one, because an event requests one item. GitLab's answer leads to the others at the
    same commit (``sync.same_branch``).
    """
    found = [item for item in items if _is_of(pipeline, item)]
    return max(found, key=lambda item: (is_at(pipeline, item), item.iid), default=None)


def is_at(pipeline: BranchPipeline, item: GitLabItem) -> bool:
    """Whether the pipeline ran for the cached head commit of the merge request."""
    return pipeline.sha is not None and pipeline.sha == item.head_sha


def _is_of(pipeline: BranchPipeline, item: GitLabItem) -> bool:
    comes_from = (item.type, item.source_project_id, item.source_branch)
    if comes_from != (ItemType.MERGE_REQUEST, pipeline.project_id, pipeline.branch):
        return False
    return item.state not in ENDED or is_at(pipeline, item)
