"""Which pipelines are running, and the pipeline in a Pipeline Hook's body."""

from dataclasses import dataclass

from gitlab_links.gitlab.fields import (
    Object,
    read_branch,
    read_id,
    read_object,
    read_sha,
    read_word,
)

PIPELINE_MOVING = frozenset(
    {"created", "waiting_for_resource", "preparing", "pending", "running", "scheduled"}
)


@dataclass(frozen=True, slots=True)
class BranchPipeline:
    """A pipeline of a commit on a branch of the project ``project_id``.

    GitLab names no merge request for it. It applies to every merge request with this source
    branch.
    """

    project_id: int
    branch: str
    sha: str | None


@dataclass(frozen=True, slots=True)
class ReportedPipeline:
    """The pipeline in a body: GitLab's id, the project in which it runs, commit and status."""

    id: int
    project_id: int
    sha: str
    status: str


def read_reported_pipeline(body: Object) -> ReportedPipeline | None:
    """The pipeline in a body; None if something of it is missing."""
    attributes = read_object(body.get("object_attributes"))
    pipeline_id, sha = read_id(attributes.get("id")), read_sha(attributes.get("sha"))
    project_id = read_id(read_object(body.get("project")).get("id"))
    status = read_word(attributes.get("status"))
    if pipeline_id is None or project_id is None or sha is None or status is None:
        return None
    return ReportedPipeline(pipeline_id, project_id, sha, status)


def read_branch_pipeline(body: Object) -> BranchPipeline | None:
    """The branch pipeline in a body; None for a tag, or if project or branch is missing."""
    attributes = read_object(body.get("object_attributes"))
    project_id = read_id(read_object(body.get("project")).get("id"))
    branch = read_branch(attributes.get("ref"))
    if project_id is None or branch is None or attributes.get("tag") is True:
        return None
    return BranchPipeline(project_id, branch, read_sha(attributes.get("sha")))
