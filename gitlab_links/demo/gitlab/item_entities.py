"""Issues and merge requests as the REST API answers them, in lists and alone."""

from typing import Any

from gitlab_links.demo.gitlab.entities import label_details, milestone, user_basic
from gitlab_links.demo.gitlab.records import Issue, Item, MergeRequest, Pipeline, User
from gitlab_links.demo.gitlab.timing import iso
from gitlab_links.demo.gitlab.urls import Urls

Json = dict[str, Any]

TIME_STATS = {
    "time_estimate": 0,
    "total_time_spent": 0,
    "human_time_estimate": None,
    "human_total_time_spent": None,
}
NO_TASKS = {"count": 0, "completed_count": 0}


def item_entity(urls: Urls, item: Item, *, label_objects: bool, single: bool) -> Json:
    """Either kind; ``label_objects`` is ``with_labels_details``."""
    if isinstance(item, MergeRequest):
        listed = _merge_request(urls, item, label_objects=label_objects)
        return listed | _merge_request_alone(urls, item) if single else listed
    assert isinstance(item, Issue)  # noqa: S101  # the only two kinds there are
    answer = _issue(urls, item, label_objects=label_objects)
    return answer | {"subscribed": False} if single else answer


def _people(urls: Urls, users: list[User]) -> list[Json]:
    return [user_basic(urls, user) for user in users]


def _labels(item: Item, *, label_objects: bool) -> list[Any]:
    labels = sorted(item.labels, key=lambda label: label.name)
    return [label_details(label) if label_objects else label.name for label in labels]


def _shared(urls: Urls, item: Item, *, label_objects: bool) -> Json:
    assignees = _people(urls, item.assignees)
    return {
        "id": item.id,
        "iid": item.iid,
        "project_id": item.project.id,
        "title": item.title,
        "description": item.description,
        "state": item.state,
        "created_at": iso(item.created_at),
        "updated_at": iso(item.updated_at),
        "closed_at": iso(item.closed_at),
        "closed_by": item.closed_by and user_basic(urls, item.closed_by),
        "labels": _labels(item, label_objects=label_objects),
        "milestone": item.milestone and milestone(urls, item.project, item.milestone),
        "assignees": assignees,
        "assignee": assignees[0] if assignees else None,
        "author": user_basic(urls, item.author),
        "user_notes_count": sum(not note.system for note in item.notes),
        "upvotes": 0,
        "downvotes": 0,
        "discussion_locked": None,
        "web_url": urls.item(item),
        "time_stats": TIME_STATS,
        "task_completion_status": NO_TASKS,
        "imported": False,
        "imported_from": "none",
    }


def _references(item: Item, sigil: str) -> Json:
    short = f"{sigil}{item.iid}"
    return {
        "short": short,
        "relative": short,
        "full": f"{item.project.path_with_namespace}{short}",
    }


def _issue(urls: Urls, issue: Issue, *, label_objects: bool) -> Json:
    project = urls.api(f"projects/{issue.project.id}")
    self_url = f"{project}/issues/{issue.iid}"
    return _shared(urls, issue, label_objects=label_objects) | {
        "type": issue.type.upper(),
        "issue_type": issue.type,
        "merge_requests_count": 0,
        "start_date": None,
        "due_date": issue.due_date and issue.due_date.isoformat(),
        "confidential": issue.confidential,
        "has_tasks": False,
        "task_status": "0 of 0 checklist items completed",
        "_links": {
            "self": self_url,
            "notes": f"{self_url}/notes",
            "award_emoji": f"{self_url}/award_emoji",
            "project": project,
            "closed_as_duplicate_of": None,
        },
        "references": _references(issue, "#"),
        "severity": issue.severity.upper(),
        "moved_to_id": issue.moved_to_id,
        "service_desk_reply_to": None,
    }


def _merge_request(urls: Urls, mr: MergeRequest, *, label_objects: bool) -> Json:
    merger = mr.merged_by and user_basic(urls, mr.merged_by)
    return _shared(urls, mr, label_objects=label_objects) | {
        "merged_by": merger,
        "merge_user": merger,
        "merged_at": iso(mr.merged_at),
        "target_branch": mr.target_branch,
        "source_branch": mr.source_branch,
        "reviewers": _people(urls, mr.reviewers),
        "source_project_id": mr.source_project.id,
        "target_project_id": mr.project.id,
        "draft": mr.draft,
        "work_in_progress": mr.draft,
        "merge_when_pipeline_succeeds": False,
        "merge_status": mr.merge_status,
        "detailed_merge_status": mr.detailed_merge_status,
        "merge_after": None,
        "sha": mr.sha,
        "merge_commit_sha": mr.merge_commit_sha,
        "squash_commit_sha": None,
        "should_remove_source_branch": None,
        "force_remove_source_branch": True,
        "prepared_at": iso(mr.created_at),
        "reference": f"!{mr.iid}",
        "references": _references(mr, "!"),
        "squash": False,
        "squash_on_merge": False,
        "has_conflicts": mr.mergeability == "conflict",
        "blocking_discussions_resolved": mr.mergeability != "discussions_not_resolved",
    }


def _merge_request_alone(urls: Urls, mr: MergeRequest) -> Json:
    pipeline = mr.pipeline
    basic = pipeline and _pipeline_basic(urls, mr, pipeline)
    return {
        "subscribed": False,
        "changes_count": "3",
        "latest_build_started_at": iso(pipeline.started_at) if pipeline else None,
        "latest_build_finished_at": iso(pipeline.finished_at) if pipeline else None,
        "first_deployed_to_production_at": None,
        "pipeline": basic,
        "head_pipeline": basic and pipeline and basic | _pipeline_details(urls, pipeline),
        "diff_refs": {"base_sha": mr.sha[::-1], "head_sha": mr.sha, "start_sha": mr.sha[::-1]},
        "merge_error": None,
        "first_contribution": False,
        "user": {"can_merge": False},
    }


def pipeline_in_list(pipeline: Pipeline) -> Json:
    """A pipeline as its project's list has it, without its address."""
    return {
        "id": pipeline.id,
        "iid": pipeline.iid,
        "project_id": pipeline.project_id,
        "sha": pipeline.sha,
        "ref": pipeline.ref,
        "status": pipeline.status,
        "source": pipeline.source,
        "created_at": iso(pipeline.created_at),
        "updated_at": iso(pipeline.updated_at),
    }


def _pipeline_basic(urls: Urls, mr: MergeRequest, pipeline: Pipeline) -> Json:
    return {
        **pipeline_in_list(pipeline),
        "web_url": urls.pipeline(mr.project, pipeline),
    }


def _pipeline_details(urls: Urls, pipeline: Pipeline) -> Json:
    text = "passed" if pipeline.status == "success" else pipeline.status
    return {
        "before_sha": "0" * 40,
        "tag": False,
        "yaml_errors": None,
        "user": user_basic(urls, pipeline.user),
        "started_at": iso(pipeline.started_at),
        "finished_at": iso(pipeline.finished_at),
        "committed_at": None,
        "duration": None,
        "queued_duration": None,
        "coverage": None,
        "detailed_status": {
            "icon": f"status_{pipeline.status}",
            "text": text,
            "label": text,
            "group": pipeline.status,
            "tooltip": text,
            "has_details": True,
            "favicon": f"/assets/ci_favicons/favicon_status_{pipeline.status}.png",
            "details_path": f"/-/pipelines/{pipeline.id}",
            "illustration": None,
        },
    }
