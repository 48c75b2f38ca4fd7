"""Bodies and answers have the fields and types of those that GitLab has sent."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import gitlab
import pytest
import requests

from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.demo.gitlab.records import Issue, MergeRequest, Project, User
from tests.demo.conftest import TOKEN, Receiver
from tests.demo.recorded_shapes import differences
from tests.hanging import HANGS

ONLY_ALONE = {"head_pipeline", "pipeline", "diff_refs", "changes_count", "subscribed", "user"}
CURRENT_TYPES = ("Task", "Incident", "Ticket", "Objective", "Key Result", "Epic")

Sent = Callable[[], Any]


@pytest.fixture
def api(sim: SimulatedGitLab) -> Callable[[str], Any]:
    def get(path: str) -> Any:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return requests.get(f"{sim.url}/api/v4{path}", headers=headers, timeout=HANGS).json()

    return get


@pytest.fixture
def sent(hooked: Callable[..., Any], issue: Issue, mr: MergeRequest, receiver: Receiver) -> Sent:
    """Gives the body of the next webhook, of a project whose items have everything."""
    hooked()
    return lambda: receiver.next().json


@pytest.fixture
def everything(sim: SimulatedGitLab, project: Project, dana: User) -> dict[str, Any]:
    return {
        "author": dana,
        "assignees": [dana],
        "labels": ["bug"],
        "milestone": sim.state.projects.add_milestone(project, "Spring", date(2027, 3, 1)),
    }


@pytest.fixture
def issue(sim: SimulatedGitLab, project: Project, everything: dict[str, Any]) -> Issue:
    return sim.state.items.add_issue(project, "Full", due_date="2027-01-31", **everything)


@pytest.fixture
def mr(
    sim: SimulatedGitLab, project: Project, dana: User, everything: dict[str, Any]
) -> MergeRequest:
    mr = sim.state.items.add_merge_request(
        project, "New", source_branch="new", reviewers=[dana], **everything
    )
    sim.state.pipelines.run(mr, "success")
    return mr


def test_an_issue_event_has_the_shape_of_a_recorded_one(
    sim: SimulatedGitLab, issue: Issue, sent: Sent
) -> None:
    sim.state.items.edit(issue, title="Fuller", labels=["bug", "late"])
    assert differences("issue event", sent()) == set()
    sim.state.items.close(issue)
    assert differences("issue event", sent()) == set()


@pytest.mark.parametrize("type_name", CURRENT_TYPES)
def test_a_work_item_event_has_the_shape_of_a_recorded_one(
    sim: SimulatedGitLab, issue: Issue, sent: Sent, type_name: str
) -> None:
    sim.state.items.edit(issue, type=type_name.lower().replace(" ", "_"))
    body = sent()
    assert differences("work item event", body) == set()
    assert (body["object_kind"], body["object_attributes"]["type"]) == ("work_item", type_name)


def test_a_merge_request_event_has_the_shape_of_a_recorded_one(
    sim: SimulatedGitLab, mr: MergeRequest, sent: Sent
) -> None:
    sim.state.items.push(mr)
    assert differences("merge request event", sent()) == set()
    sim.state.items.merge(mr)
    assert differences("merge request event", sent()) == {"missing: object_attributes.oldrev"}


def test_changes_have_what_was_and_what_is(
    sim: SimulatedGitLab, issue: Issue, mr: MergeRequest, sent: Sent
) -> None:
    for item in (issue, mr):
        sim.state.items.edit(item, title="Changed", labels=[])
        changes = sent()["changes"].values()
        assert {tuple(change) for change in changes} == {("previous", "current")}


def test_comments_have_the_shape_of_recorded_ones(
    sim: SimulatedGitLab, issue: Issue, mr: MergeRequest, sent: Sent
) -> None:
    sim.state.items.comment(issue, "Me too")
    assert differences("comment on an issue", sent()) == set()
    sim.state.items.comment(mr, "Ship it")
    assert differences("comment on a merge request", sent()) == set()


@pytest.mark.parametrize("source", ["push", "merge_request_event"])
def test_a_pipeline_event_has_the_shape_of_a_recorded_one(
    sim: SimulatedGitLab, mr: MergeRequest, sent: Sent, source: str
) -> None:
    sim.state.pipelines.run(mr, "failed", source=source)
    body = sent()
    assert differences("pipeline event", body) == set()
    assert (body["merge_request"] is None) == (source == "push")


def test_an_issue_of_the_api_has_the_shape_of_a_recorded_one(
    project: Project, issue: Issue, api: Callable[[str], Any]
) -> None:
    path = f"/projects/{project.id}/issues"
    (listed,) = api(f"{path}?with_labels_details=true")
    alone = api(f"{path}/1")
    assert differences("issue", alone) == set()
    assert alone.keys() - listed.keys() == {"subscribed"}
    assert listed["labels"][0]["text_color"] == "#FFFFFF"
    assert listed["references"]["full"] == "acme/tools/press#1"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", listed["updated_at"])


def test_merge_requests_of_the_api_have_the_shapes_of_recorded_ones(
    project: Project, mr: MergeRequest, api: Callable[[str], Any]
) -> None:
    path = f"/projects/{project.id}/merge_requests"
    (listed,) = api(path)
    alone = api(f"{path}/1")
    assert differences("merge request in a list", listed) == set()
    assert differences("merge request", alone) == set()
    assert not listed.keys() & ONLY_ALONE
    assert alone.keys() >= ONLY_ALONE
    assert alone["head_pipeline"]["detailed_status"]["text"] == "passed"


def test_projects_hooks_tokens_and_people_have_the_shapes_of_recorded_ones(
    sim: SimulatedGitLab,
    project: Project,
    hooked: Callable[..., Any],
    client: gitlab.Gitlab,
    api: Callable[[str], Any],
) -> None:
    hooked(token="a plain secret")
    assert differences("project", api(f"/projects/{project.id}")) == set()
    assert differences("webhook", api(f"/projects/{project.id}/hooks")[0]) == set()
    assert differences("user", api("/user")) == set()
    assert api("/version").keys() == {"version", "revision"}
    assert differences("token", api("/personal_access_tokens/self")) == {"missing: token"}
    rotated = client.http_post("/personal_access_tokens/self/rotate", post_data={})
    assert differences("token", rotated) == set()


def test_a_list_of_projects_has_the_short_form(project: Project, api: Callable[[str], Any]) -> None:
    (listed,) = api("/projects?simple=true")
    left_out = api(f"/projects/{project.id}").keys() - listed.keys()
    assert left_out >= {"permissions", "_links", "archived", "issues_access_level"}
    assert listed["path_with_namespace"] == project.path_with_namespace


def test_work_items_by_graphql_have_fields_of_recorded_ones(
    sim: SimulatedGitLab, project: Project, issue: Issue
) -> None:
    def ask(token: str) -> Any:
        asked = {"variables": {"path": project.path_with_namespace, "iids": ["1"]}}
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{sim.url}/api/graphql"
        return requests.post(url, json=asked, headers=headers, timeout=HANGS).json()

    (node,) = ask(TOKEN)["data"]["project"]["workItems"]["nodes"]
    # A query chooses its fields: what it did not ask for is not missing.
    found = differences("work item by GraphQL", node)
    assert {one for one in found if not one.startswith("missing")} == set()
    assert ask("glpat-nobody") == {"errors": [{"message": "Invalid token"}]}


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
