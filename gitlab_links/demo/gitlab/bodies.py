"""Webhook bodies, field by field as GitLab builds them."""

from datetime import datetime
from typing import Any

from gitlab_links.demo.gitlab.records import (
    RE_REQUESTED,
    UNREVIEWED,
    Issue,
    Item,
    Label,
    MergeRequest,
    Note,
    Project,
    User,
    fake_sha,
)
from gitlab_links.demo.gitlab.timing import iso
from gitlab_links.demo.gitlab.urls import Urls

Json = dict[str, Any]

STATE_IDS = {"opened": 1, "closed": 2, "merged": 3, "locked": 4}
VISIBILITY_LEVELS = {"private": 0, "internal": 10, "public": 20}
NO_TIME_SPENT = {
    "time_estimate": 0,
    "total_time_spent": 0,
    "time_change": 0,
    "human_total_time_spent": None,
    "human_time_change": None,
    "human_time_estimate": None,
}


class Bodies:
    """Builds bodies."""

    def __init__(self, urls: Urls) -> None:
        self.urls = urls

    def user(self, user: User) -> Json:
        return {
            "id": user.id,
            "name": user.name,
            "username": user.username,
            "avatar_url": self.urls.avatar(user),
            "email": "[REDACTED]",
        }

    def project(self, project: Project) -> Json:
        return {
            "id": project.id,
            "name": project.name,
            "description": project.description,
            "web_url": self.urls.project(project),
            "avatar_url": None,
            "git_ssh_url": self.urls.ssh(project),
            "git_http_url": self.urls.http(project),
            "namespace": project.namespace.rpartition("/")[2],
            "visibility_level": VISIBILITY_LEVELS[project.visibility],
            "path_with_namespace": project.path_with_namespace,
            "default_branch": project.default_branch,
            "ci_config_path": None,
            "homepage": self.urls.project(project),
            "url": self.urls.ssh(project),
            "ssh_url": self.urls.ssh(project),
            "http_url": self.urls.http(project),
        }

    def repository(self, project: Project) -> Json:
        return {
            "name": project.name,
            "url": self.urls.ssh(project),
            "description": project.description,
            "homepage": self.urls.project(project),
        }

    def label(self, label: Label) -> Json:
        return {
            "id": label.id,
            "title": label.name,
            "color": label.color,
            "project_id": label.project_id,
            "created_at": iso(label.created_at),
            "updated_at": iso(label.created_at),
            "template": False,
            "description": None,
            "type": "ProjectLabel",
            "group_id": None,
        }

    def labels(self, item: Item) -> list[Json]:
        return [self.label(label) for label in item.labels]

    def item_attributes(self, item: Item) -> Json:
        """``object_attributes`` without ``action``."""
        if isinstance(item, MergeRequest):
            return self.merge_request_attributes(item)
        assert isinstance(item, Issue)  # noqa: S101  # the only two kinds there are
        return self.issue_attributes(item)

    def _shared_attributes(self, item: Item) -> Json:
        assignee_ids = [user.id for user in item.assignees]
        return {
            "id": item.id,
            "iid": item.iid,
            "title": item.title,
            "description": item.description,
            "state": item.state,
            "state_id": STATE_IDS[item.state],
            "author_id": item.author.id,
            "created_at": iso(item.created_at),
            "updated_at": iso(item.updated_at),
            "updated_by_id": item.updated_by.id if item.updated_by else None,
            "last_edited_at": iso(item.last_edited_at),
            "last_edited_by_id": item.last_edited_by.id if item.last_edited_by else None,
            "milestone_id": item.milestone.id if item.milestone else None,
            "assignee_ids": assignee_ids,
            "assignee_id": assignee_ids[0] if assignee_ids else None,
            "labels": self.labels(item),
            "url": self.urls.item(item),
            **NO_TIME_SPENT,
        }

    def issue_attributes(self, issue: Issue) -> Json:
        attributes = self._shared_attributes(issue) | {
            "project_id": issue.project.id,
            "closed_at": iso(issue.closed_at),
            "confidential": issue.confidential,
            "discussion_locked": None,
            "due_date": issue.due_date and issue.due_date.isoformat(),
            "moved_to_id": issue.moved_to_id,
            "duplicated_to_id": None,
            "relative_position": issue.iid * 513,
            "weight": None,
            "health_status": None,
            "type": issue.type.replace("_", " ").title(),
            "severity": issue.severity,
            "customer_relations_contacts": [],
        }
        if issue.type == "incident":
            attributes["escalation_status"] = "triggered"
        return attributes

    def merge_request_attributes(self, mr: MergeRequest) -> Json:
        project = self.project(mr.project)
        return self._shared_attributes(mr) | {
            "draft": mr.draft,
            "work_in_progress": mr.draft,
            "head_pipeline_id": mr.head_pipeline.id if mr.head_pipeline else None,
            "merge_commit_sha": mr.merge_commit_sha,
            "merge_error": None,
            "merge_params": {"force_remove_source_branch": "1"},
            "merge_status": mr.merge_status,
            "detailed_merge_status": mr.detailed_merge_status,
            "merge_user_id": mr.merged_by.id if mr.merged_by else None,
            "merge_when_pipeline_succeeds": False,
            "source_branch": mr.source_branch,
            "source_project_id": mr.source_project.id,
            "target_branch": mr.target_branch,
            "target_project_id": mr.project.id,
            "source": self.project(mr.source_project),
            "target": project,
            "last_commit": self.commit(mr.project, mr.sha, mr.title, mr.author, mr.created_at),
            "reviewer_ids": [user.id for user in mr.reviewers],
            "blocking_discussions_resolved": mr.mergeability != "discussions_not_resolved",
            "first_contribution": False,
            "system": False,
        }

    def commit(
        self, project: Project, sha: str, title: str, author: User, moment: datetime
    ) -> Json:
        return {
            "id": sha,
            "message": f"{title}\n",
            "title": title,
            "timestamp": moment.isoformat(timespec="seconds"),
            "url": f"{self.urls.project(project)}/-/commit/{sha}",
            "author": {"name": author.name, "email": "[REDACTED]"},
        }

    def people(self, item: Item) -> Json:
        """``assignees`` and ``reviewers``: there only when there are any."""
        people: Json = {}
        if item.assignees:
            people["assignees"] = [self.user(user) for user in item.assignees]
        if isinstance(item, MergeRequest) and item.reviewers:
            people["reviewers"] = self.reviewers(item)
        return people

    def reviewers(self, mr: MergeRequest) -> list[Json]:
        """With their states, as GitLab sends them since 17."""
        states = [(user, mr.reviews.get(user.id, UNREVIEWED)) for user in mr.reviewers]
        return [
            self.user(user)
            | {
                "state": UNREVIEWED if state == RE_REQUESTED else state,
                "re_requested": state == RE_REQUESTED,
            }
            for user, state in states
        ]

    def item(
        self, item: Item, *, action: str, by: User, changes: Json, oldrev: str | None = None
    ) -> Json:
        """The body of an issue, work item or merge request event."""
        attributes = self.item_attributes(item) | {"action": action}
        if oldrev:
            attributes["oldrev"] = oldrev
        kind = "merge_request"
        confidential = False
        if isinstance(item, Issue):
            kind = "work_item" if item.is_work_item else "issue"
            confidential = item.confidential
        return {
            "object_kind": kind,
            "event_type": f"confidential_{kind}" if confidential else kind,
            "user": self.user(by),
            "project": self.project(item.project),
            "object_attributes": attributes,
            "labels": self.labels(item),
            "changes": changes,
            "repository": self.repository(item.project),
            **self.people(item),
        }

    def note(self, note: Note, item: Item) -> Json:
        """The body of a comment event: the item travels along without ``action``."""
        is_issue = isinstance(item, Issue)
        confidential = isinstance(item, Issue) and item.confidential
        return {
            "object_kind": "note",
            "event_type": "confidential_note" if confidential else "note",
            "user": self.user(note.author),
            "project_id": item.project.id,
            "project": self.project(item.project),
            "object_attributes": self._note_attributes(note, item),
            "repository": self.repository(item.project),
            "issue" if is_issue else "merge_request": self.item_attributes(item),
        }

    def _note_attributes(self, note: Note, item: Item) -> Json:
        absent = (
            "attachment", "change_position", "commit_id", "line_code", "original_position",
            "position", "resolved_at", "resolved_by_id", "resolved_by_push", "st_diff", "type",
            "updated_by_id",
        )  # fmt: skip
        return dict.fromkeys(absent) | {
            "id": note.id,
            "note": note.text,
            "description": note.text,
            "noteable_type": "Issue" if isinstance(item, Issue) else "MergeRequest",
            "noteable_id": item.id,
            "author_id": note.author.id,
            "project_id": item.project.id,
            "created_at": iso(note.created_at),
            "updated_at": iso(note.created_at),
            "discussion_id": fake_sha(f"discussion {note.id}"),
            "internal": False,
            "system": False,
            "url": f"{self.urls.item(item)}#note_{note.id}",
            "action": "create",
        }
