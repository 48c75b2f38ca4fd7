"""The body of a pipeline event."""

from gitlab_links.demo.gitlab.bodies import Bodies, Json
from gitlab_links.demo.gitlab.records import MergeRequest, Pipeline, Project
from gitlab_links.demo.gitlab.timing import iso

STAGES = ("build", "test")
MERGE_REQUEST_EVENT = "merge_request_event"
DETAILED = {"success": "passed"}


def pipeline_body(
    bodies: Bodies, pipeline: Pipeline, project: Project, mr: MergeRequest | None
) -> Json:
    """Project and pipeline. GitLab names the merge request of a merge request pipeline
    only: of a branch pipeline ``merge_request`` is null, whatever comes from the branch.
    """
    if pipeline.source != MERGE_REQUEST_EVENT:
        mr = None
    told_project = bodies.project(project)
    for name in ("homepage", "url", "ssh_url", "http_url"):
        del told_project[name]
    return {
        "object_kind": "pipeline",
        "object_attributes": _attributes(bodies, pipeline, project),
        "merge_request": mr and _merge_request(bodies, mr),
        "user": bodies.user(pipeline.user),
        "project": told_project,
        "commit": bodies.commit(
            project, pipeline.sha, f"Work on {pipeline.ref}", pipeline.user, pipeline.created_at
        ),
        "builds": [_build(bodies, pipeline, index, stage) for index, stage in enumerate(STAGES)],
    }


def _attributes(bodies: Bodies, pipeline: Pipeline, project: Project) -> Json:
    duration = None
    if pipeline.finished_at and pipeline.started_at:
        duration = int((pipeline.finished_at - pipeline.started_at).total_seconds())
    return {
        "id": pipeline.id,
        "iid": pipeline.iid,
        "name": None,
        "ref": pipeline.ref,
        "tag": False,
        "sha": pipeline.sha,
        "before_sha": "0" * 40,
        "source": pipeline.source,
        "status": pipeline.status,
        "detailed_status": DETAILED.get(pipeline.status, pipeline.status),
        "stages": list(STAGES),
        "created_at": iso(pipeline.created_at),
        "finished_at": iso(pipeline.finished_at),
        "duration": duration,
        "queued_duration": None,
        "protected_ref": False,
        "variables": [],
        "url": bodies.urls.pipeline(project, pipeline),
    }


def _merge_request(bodies: Bodies, mr: MergeRequest) -> Json:
    return {
        "id": mr.id,
        "iid": mr.iid,
        "title": mr.title,
        "source_branch": mr.source_branch,
        "source_project_id": mr.source_project.id,
        "target_branch": mr.target_branch,
        "target_project_id": mr.project.id,
        "state": mr.state,
        "merge_status": mr.merge_status,
        "detailed_merge_status": mr.detailed_merge_status,
        "url": bodies.urls.item(mr),
    }


def _build(bodies: Bodies, pipeline: Pipeline, index: int, stage: str) -> Json:
    return {
        "id": pipeline.id * 10 + index,
        "stage": stage,
        "name": f"{stage}-job",
        "status": pipeline.status,
        "created_at": iso(pipeline.created_at),
        "started_at": iso(pipeline.started_at),
        "finished_at": iso(pipeline.finished_at),
        "duration": None,
        "queued_duration": None,
        "failure_reason": "script_failure" if pipeline.status == "failed" else None,
        "when": "on_success",
        "manual": False,
        "allow_failure": False,
        "user": bodies.user(pipeline.user),
        "runner": None,
        "artifacts_file": {"filename": None, "size": None},
        "environment": None,
    }
