"""Pipelines: which are at work, and for which branch one ran by the body of a Pipeline Hook."""

from dataclasses import dataclass

from gitlab_links.gitlab.fields import Object, read_branch, read_id, read_object, read_sha

PIPELINE_MOVING = frozenset(
    {"created", "waiting_for_resource", "preparing", "pending", "running", "scheduled"}
)


@dataclass(frozen=True, slots=True)
class BranchPipeline:
    """A pipeline of a commit on a branch of the project ``project_id``.

    GitLab names no merge request for it. It is the one of every merge request that comes
    from this branch.
    """

    project_id: int
    branch: str
    sha: str | None


def read_branch_pipeline(body: Object) -> BranchPipeline | None:
    """The branch of a pipeline body; None for a tag, and where project or branch is missing."""
    attributes = read_object(body.get("object_attributes"))
    project_id = read_id(read_object(body.get("project")).get("id"))
    branch = read_branch(attributes.get("ref"))
    if project_id is None or branch is None or attributes.get("tag") is True:
        return None
    return BranchPipeline(project_id, branch, read_sha(attributes.get("sha")))
