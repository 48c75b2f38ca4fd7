"""The little of GitLab's GraphQL that clients of the simulated GitLab use."""

from typing import Any

from flask import Blueprint, request

from gitlab_links.demo.gitlab.current import state
from gitlab_links.demo.gitlab.records import Issue, Label, Milestone, Project, User
from gitlab_links.demo.gitlab.rest.access import caller
from gitlab_links.demo.gitlab.rest.graphql_changes import answer_changes
from gitlab_links.demo.gitlab.timing import iso

Json = dict[str, Any]
STATES = {"opened": "OPEN", "closed": "CLOSED"}


def register(api: Blueprint) -> None:
    """Add the route to its blueprint."""
    api.post("/graphql")(query)


def query() -> Json | tuple[Json, int]:
    """A project by its full path, with those of its work items that are named by iid."""
    if not state().has_graphql:
        return {"error": "404 Not Found"}, 404
    sent = request.get_json()
    given = sent.get("variables", {})
    text = str(sent.get("query"))
    with state().lock:
        if "projects(ids:" in text or "mergeRequests(iids:" in text:
            return answer_changes(text, given)
        project, _ = state().projects.find(str(given["path"]))
        if project is None or not project.readable_by(caller()):
            return {"data": {"project": None}}
        found: Json = {
            "id": f"gid://gitlab/Project/{project.id}",
            "fullPath": project.path_with_namespace,
        }
        if "iids" in given:
            found["workItems"] = {"nodes": _work_items(project, given["iids"])}
        return {"data": {"project": found}}


def _work_items(project: Project, iids: list[str]) -> list[Json]:
    issues = (project.issues.get(int(iid)) for iid in iids)
    return [
        _work_item(issue)
        for issue in issues
        if issue is not None and project.issue_readable_by(issue, caller())
    ]


def _work_item(issue: Issue) -> Json:
    return {
        "id": f"gid://gitlab/WorkItem/{issue.id}",
        "iid": str(issue.iid),
        "title": issue.title,
        "state": STATES[issue.state],
        "confidential": issue.confidential,
        "createdAt": iso(issue.created_at),
        "updatedAt": iso(issue.updated_at),
        "closedAt": iso(issue.closed_at),
        "author": _person(issue.author),
        "widgets": [
            {"assignees": {"nodes": [_person(user) for user in issue.assignees]}},
            {"labels": {"nodes": [_label(label) for label in issue.labels]}},
            {"milestone": _milestone(issue.milestone)},
            {"dueDate": issue.due_date and issue.due_date.isoformat()},
            {"description": issue.description},
            {},
        ],
    }


def _person(user: User) -> Json:
    return {"username": user.username, "name": user.name}


def _label(label: Label) -> Json:
    return {"title": label.name, "color": label.color, "textColor": label.text_color}


def _milestone(milestone: Milestone | None) -> Json | None:
    if milestone is None:
        return None
    return {"id": f"gid://gitlab/Milestone/{milestone.id}", "title": milestone.title}
