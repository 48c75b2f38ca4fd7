"""Webhook bodies in GitLab's shape, made here, with room for each test's own point."""

import json
from typing import Any

PROJECT = {
    "id": 42,
    "name": "Engine",
    "path_with_namespace": "ships/engine",
    "web_url": "https://gitlab.example.com/ships/engine",
}
ACTOR = {"id": 9, "name": "Rae Actor", "username": "rae"}
URGENT = {"id": 5, "title": "urgent", "color": "#D9534F", "type": "ProjectLabel"}


def issue(*, attributes: dict[str, Any] | None = None, **top: Any) -> dict[str, Any]:
    """An issue hook with the fields a current GitLab sends."""
    body = {
        "object_kind": "issue",
        "event_type": "issue",
        "user": ACTOR,
        "project": PROJECT,
        "object_attributes": {
            "id": 7001,
            "iid": 17,
            "project_id": 42,
            "author_id": 3,
            "title": "Pump leaks",
            "state": "opened",
            "action": "update",
            "confidential": False,
            "milestone_id": None,
            "moved_to_id": None,
            "due_date": "2026-12-01",
            "assignee_ids": [],
            "assignee_id": None,
            "created_at": "2026-05-01 08:00:00 UTC",
            "updated_at": "2026-05-28T05:58:40.456Z",
            "closed_at": None,
        }
        | (attributes or {}),
        "labels": [URGENT],
        "changes": {},
    }
    return body | top


def merge_request(*, attributes: dict[str, Any] | None = None, **top: Any) -> dict[str, Any]:
    """A merge request hook with the fields a current GitLab sends."""
    body = {
        "object_kind": "merge_request",
        "event_type": "merge_request",
        "user": ACTOR,
        "project": PROJECT,
        "object_attributes": {
            "id": 8001,
            "iid": 4,
            "source_project_id": 42,
            "source_branch": "pump",
            "target_branch": "main",
            "last_commit": {"id": "0a" * 20},
            "target_project_id": 42,
            "author_id": 3,
            "title": "Replace the pump",
            "state": "opened",
            "action": "update",
            "draft": False,
            "work_in_progress": False,
            "merge_status": "can_be_merged",
            "detailed_merge_status": "mergeable",
            "milestone_id": None,
            "assignee_ids": [],
            "reviewer_ids": [],
            "head_pipeline_id": None,
            "created_at": "2026-05-01T08:00:00Z",
            "updated_at": "2026-05-28T05:58:40.456Z",
        }
        | (attributes or {}),
        "labels": [],
        "changes": {},
    }
    return body | top


def note(noteable_type: str, **top: Any) -> dict[str, Any]:
    """A comment on something; the thing itself is the test's to add."""
    body = {
        "object_kind": "note",
        "user": ACTOR,
        "project_id": 42,
        "project": PROJECT,
        "object_attributes": {
            "id": 1,
            "note": "Looks right.",
            "noteable_type": noteable_type,
            "project_id": 42,
            "updated_at": "2026-05-28 06:00:00 UTC",
        },
    }
    return body | top


def pipeline(merge_request: Any, **top: Any) -> dict[str, Any]:
    """A pipeline of project 42, for a merge request or for none."""
    body = {
        "object_kind": "pipeline",
        "user": ACTOR,
        "project": PROJECT,
        "object_attributes": {
            "id": 31,
            "iid": 12,
            "status": "success",
            "created_at": "2026-05-28 06:00:00 UTC",
            "finished_at": "2026-05-28 06:10:00 UTC",
        },
        "merge_request": merge_request,
    }
    return body | top


def branch_pipeline(project_id: int = 42, **attributes: Any) -> dict[str, Any]:
    """A pipeline of a branch, of which GitLab names no merge request."""
    body = pipeline(None, project=PROJECT | {"id": project_id})
    body["object_attributes"] |= {"ref": "pump", "sha": "0a" * 20, "tag": False, **attributes}
    return body


def sent(body: Any) -> bytes:
    """The bytes on the wire."""
    return json.dumps(body).encode()
