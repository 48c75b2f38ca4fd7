"""Answers have the fields that GitLab's have, no more in a list than belongs there."""

import gitlab

from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.demo.gitlab.records import Project, User
from tests.demo.conftest import TOKEN, client_of

USER = {"id", "username", "name", "state", "avatar_url", "web_url"}
ITEM = {
    "id", "iid", "project_id", "title", "description", "state", "created_at", "updated_at",
    "closed_at", "closed_by", "labels", "milestone", "assignees", "assignee", "author",
    "user_notes_count", "upvotes", "downvotes", "discussion_locked", "web_url", "references",
    "time_stats", "task_completion_status",
}  # fmt: skip
ISSUE = ITEM | {
    "type", "issue_type", "due_date", "confidential", "has_tasks", "severity", "moved_to_id",
    "_links", "merge_requests_count",
}  # fmt: skip
MERGE_REQUEST = ITEM | {
    "draft", "work_in_progress", "reviewers", "merged_by", "merge_user", "merged_at",
    "target_branch", "source_branch", "source_project_id", "target_project_id", "merge_status",
    "detailed_merge_status", "sha", "merge_commit_sha", "has_conflicts",
    "blocking_discussions_resolved", "prepared_at", "reference",
}  # fmt: skip
ONLY_ALONE = {"head_pipeline", "pipeline", "diff_refs", "changes_count", "subscribed", "user"}


def test_an_issue_has_the_same_fields_listed_and_alone_but_one(
    sim: SimulatedGitLab, project: Project, dana: User, client: gitlab.Gitlab
) -> None:
    milestone = sim.state.projects.add_milestone(project, "Spring")
    sim.state.items.add_issue(
        project, "Full", author=dana, assignees=[dana], milestone=milestone, due_date="2027-01-31"
    )
    issues = client.projects.get(project.id, lazy=True).issues
    (listed,) = issues.list(get_all=False)
    alone = issues.get(1)
    assert listed.asdict().keys() >= ISSUE
    assert alone.asdict().keys() - listed.asdict().keys() == {"subscribed"}
    assert listed.author.keys() >= USER
    assert listed.milestone["title"] == "Spring"
    assert listed.due_date == "2027-01-31"
    assert listed.references["full"] == "acme/tools/press#1"
    assert listed.updated_at.endswith("Z")
    assert len(listed.updated_at) == len("2026-05-28T05:58:40.456Z")


def test_a_listed_merge_request_has_no_pipeline_and_a_single_one_has(
    sim: SimulatedGitLab, project: Project, dana: User, client: gitlab.Gitlab
) -> None:
    mr = sim.state.items.add_merge_request(
        project, "Draft: New", author=dana, source_branch="new", reviewers=[dana]
    )
    sim.state.pipelines.run(mr, "success")
    mrs = client.projects.get(project.id, lazy=True).mergerequests
    (listed,) = mrs.list(get_all=False)
    alone = mrs.get(1)
    assert listed.asdict().keys() >= MERGE_REQUEST
    assert not listed.asdict().keys() & ONLY_ALONE
    assert alone.asdict().keys() >= MERGE_REQUEST | ONLY_ALONE
    assert alone.head_pipeline["status"] == "success"
    assert alone.head_pipeline["detailed_status"]["text"] == "passed"
    assert (listed.draft, listed.reviewers[0]["username"]) == (True, "dana.moss")


def test_incidents_and_tasks_are_issues_to_the_api(
    sim: SimulatedGitLab, project: Project, dana: User, client: gitlab.Gitlab
) -> None:
    sim.state.items.add_issue(project, "Down", author=dana, type="incident", severity="high")
    sim.state.items.add_issue(project, "Do", author=dana, type="task")
    issues = client.projects.get(project.id, lazy=True).issues
    incident, task = issues.get(1), issues.get(2)
    assert (incident.type, incident.issue_type, incident.severity) == (
        "INCIDENT", "incident", "HIGH",
    )  # fmt: skip
    assert incident.web_url.endswith("/-/issues/1")
    assert (task.type, task.web_url) == ("TASK", f"{sim.url}/acme/tools/press/-/work_items/2")


def test_instance_and_caller_are_told_as_gitlab_tells_them(sim: SimulatedGitLab) -> None:
    client = client_of(sim, TOKEN)
    client.auth()
    assert client.user is not None
    assert client.user.asdict().keys() >= USER | {"email", "created_at", "external", "bot"}
    assert client.version()[0] == "19.1.2"
    assert set(client.personal_access_tokens.get("self").asdict()) == {
        "id", "name", "revoked", "created_at", "description", "scopes", "user_id",
        "last_used_at", "active", "expires_at",
    }  # fmt: skip
