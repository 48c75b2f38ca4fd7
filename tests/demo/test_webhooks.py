"""Webhooks are judged as they arrive: headers and body over the wire."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.demo.gitlab.approvals import approve, revoke
from gitlab_links.demo.gitlab.records import Project, User
from tests.demo.conftest import Receiver

SIGNING_TOKEN = "whsec_c2lnbmluZyBrZXkgb2YgdGhlIHRlc3RzLCAzMiBiLg=="
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Hooked = Callable[..., Any]


def test_every_header_of_gitlab_19_is_there(
    sim: SimulatedGitLab, project: Project, dana: User, hooked: Hooked, receiver: Receiver
) -> None:
    hooked(token="plain secret")
    before = int(time.time())
    sim.state.items.add_issue(project, "News", author=dana)
    headers = receiver.next().headers
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"] == "GitLab/19.1.2"
    assert headers["X-Gitlab-Event"] == "Issue Hook"
    assert headers["X-Gitlab-Instance"] == sim.url
    assert headers["X-Gitlab-Token"] == "plain secret"
    assert headers["webhook-id"] == headers["Idempotency-Key"]
    assert before <= int(headers["webhook-timestamp"]) <= time.time()
    assert "webhook-signature" not in headers
    for name in ("X-Gitlab-Event-UUID", "X-Gitlab-Webhook-UUID", "Idempotency-Key"):
        assert UUID.fullmatch(headers[name]), name


def test_the_instance_header_leaves_the_relative_root_out() -> None:
    with SimulatedGitLab.start(relative_root="/gitlab") as rooted:
        assert rooted.state.urls.instance == rooted.url.removesuffix("/gitlab")


def test_a_signature_verifies_with_the_standard_library_for_it(
    sim: SimulatedGitLab, project: Project, dana: User, hooked: Hooked, receiver: Receiver
) -> None:
    hooked(signing_token=SIGNING_TOKEN)
    sim.state.items.add_issue(project, "Signed ünd sealed", author=dana)
    request = receiver.next()
    verifier = Webhook(SIGNING_TOKEN)
    assert verifier.verify(request.body, request.headers)["object_kind"] == "issue"
    with pytest.raises(WebhookVerificationError):
        verifier.verify(request.body.replace(b"sealed", b"opened"), request.headers)


def test_a_new_issue_is_told_with_all_its_attributes(
    sim: SimulatedGitLab, project: Project, dana: User, hooked: Hooked, receiver: Receiver
) -> None:
    hooked()
    issue = sim.state.items.add_issue(
        project, "News", author=dana, labels=["bug"], assignees=[dana], due_date="2027-02-01"
    )
    body = receiver.next().json
    told = body["object_attributes"]
    assert (body["object_kind"], body["event_type"], told["action"]) == ("issue", "issue", "open")
    assert body["user"]["username"] == "dana.moss"
    assert body["project"]["id"] == project.id
    assert body["project"]["path_with_namespace"] == "acme/tools/press"
    assert (told["id"], told["iid"], told["state"]) == (issue.id, 1, "opened")
    assert told["due_date"] == "2027-02-01"
    assert told["url"] == f"{sim.url}/acme/tools/press/-/issues/1"
    assert told["type"] == "Issue"
    assert [label["title"] for label in body["labels"]] == ["bug"]
    assert body["labels"] == told["labels"]
    assert body["assignees"][0]["username"] == "dana.moss"
    assert body["changes"]["title"] == {"previous": None, "current": "News"}
    assert "milestone" not in body


def test_people_are_absent_when_there_are_none(
    sim: SimulatedGitLab, project: Project, dana: User, hooked: Hooked, receiver: Receiver
) -> None:
    hooked()
    sim.state.items.add_merge_request(project, "Alone", author=dana, source_branch="alone")
    body = receiver.next().json
    assert not {"assignees", "reviewers", "assignee"} & body.keys()
    assert body["object_attributes"]["assignee_ids"] == []
    assert body["object_attributes"]["reviewer_ids"] == []
    assert body["labels"] == []
    sim.state.items.edit(project.merge_requests[1], reviewers=[dana], assignees=["dana.moss"])
    body = receiver.next().json
    assert [user["username"] for user in body["reviewers"]] == ["dana.moss"]
    assert body["changes"]["reviewers"]["previous"] == []


def test_changes_name_what_differs_and_nothing_else(
    sim: SimulatedGitLab, project: Project, dana: User, hooked: Hooked, receiver: Receiver
) -> None:
    issue = sim.state.items.add_issue(project, "Before", author=dana, labels=["bug"])
    hooked()
    sim.state.items.edit(issue, labels=["bug", "late"])
    body = receiver.next().json
    assert body["object_attributes"]["action"] == "update"
    assert body["changes"].keys() == {"labels", "updated_at", "updated_by_id"}
    labels = body["changes"]["labels"]
    assert [label["title"] for label in labels["previous"]] == ["bug"]
    assert [label["title"] for label in labels["current"]] == ["bug", "late"]


def test_an_edit_that_changes_nothing_is_told_to_nobody(
    sim: SimulatedGitLab, project: Project, dana: User, hooked: Hooked, receiver: Receiver
) -> None:
    issue = sim.state.items.add_issue(project, "Same", author=dana)
    hooked()
    before = issue.updated_at
    assert sim.state.items.edit(issue, title="Same") is False
    sim.state.items.reopen(issue)
    assert sim.state.sender.wait_idle()
    assert (receiver.requests, issue.updated_at) == ([], before)


def test_closing_and_reopening_have_actions_of_their_own(
    sim: SimulatedGitLab, project: Project, dana: User, hooked: Hooked, receiver: Receiver
) -> None:
    issue = sim.state.items.add_issue(project, "Door", author=dana)
    hooked()
    sim.state.items.close(issue)
    closed = receiver.next().json
    assert closed["object_attributes"]["action"] == "close"
    assert closed["object_attributes"]["state"] == "closed"
    assert closed["changes"]["state_id"] == {"previous": 1, "current": 2}
    sim.state.items.reopen(issue)
    reopened = receiver.next().json["object_attributes"]
    assert (reopened["action"], reopened["closed_at"]) == ("reopen", None)


def test_tasks_and_incidents_are_told_as_work_items(
    sim: SimulatedGitLab, project: Project, dana: User, hooked: Hooked, receiver: Receiver
) -> None:
    hooked()
    sim.state.items.add_issue(project, "Do it", author=dana, type="task")
    task = receiver.next()
    assert task.headers["X-Gitlab-Event"] == "Issue Hook"
    assert (task.json["object_kind"], task.json["event_type"]) == ("work_item", "work_item")
    assert task.json["object_attributes"]["type"] == "Task"
    assert task.json["object_attributes"]["url"].endswith("/-/work_items/1")
    sim.state.items.add_issue(project, "Fire", author=dana, type="incident")
    assert receiver.next().json["object_attributes"]["type"] == "Incident"


def test_a_confidential_issue_goes_only_to_hooks_that_ask_for_those(
    sim: SimulatedGitLab, project: Project, dana: User, hooked: Hooked, receiver: Receiver
) -> None:
    issue = sim.state.items.add_issue(project, "Open secret", author=dana)
    hook = hooked(confidential_issues_events=False, confidential_note_events=False)
    sim.state.items.edit(issue, confidential=True)
    sim.state.items.comment(issue, "hush")
    assert sim.state.sender.wait_idle()
    assert receiver.requests == []
    sim.state.hooks.update(hook, confidential_issues_events=True, issues_events=False)
    sim.state.items.edit(issue, title="Deep secret")
    request = receiver.next()
    assert request.headers["X-Gitlab-Event"] == "Confidential Issue Hook"
    assert request.json["event_type"] == "confidential_issue"
    assert request.json["object_attributes"]["confidential"] is True


def test_a_merge_request_tells_draft_status_and_merge(
    sim: SimulatedGitLab, project: Project, dana: User, hooked: Hooked, receiver: Receiver
) -> None:
    mr = sim.state.items.add_merge_request(
        project, "Draft: Engine", author=dana, source_branch="engine"
    )
    hooked()
    sim.state.items.edit(mr, draft=False)
    ready = receiver.next()
    told = ready.json["object_attributes"]
    assert ready.headers["X-Gitlab-Event"] == "Merge Request Hook"
    assert (told["draft"], told["work_in_progress"]) == (False, False)
    assert told["detailed_merge_status"] == "mergeable"
    assert told["target_project_id"] == project.id
    assert ready.json["changes"]["draft"] == {"previous": True, "current": False}
    assert "oldrev" not in told
    old_sha = mr.sha
    sim.state.items.push(mr)
    assert receiver.next().json["object_attributes"]["oldrev"] == old_sha
    sim.state.items.merge(mr, by=dana)
    merged = receiver.next().json["object_attributes"]
    assert (merged["action"], merged["state"], merged["state_id"]) == ("merge", "merged", 3)


def test_a_comment_carries_its_item_and_no_action_of_it(
    sim: SimulatedGitLab, project: Project, dana: User, hooked: Hooked, receiver: Receiver
) -> None:
    issue = sim.state.items.add_issue(project, "Talk", author=dana)
    mr = sim.state.items.add_merge_request(project, "Review", author=dana, source_branch="r")
    hooked()
    sim.state.items.comment(issue, "Me too")
    on_issue = receiver.next()
    assert on_issue.headers["X-Gitlab-Event"] == "Note Hook"
    assert on_issue.json["object_attributes"]["noteable_type"] == "Issue"
    assert on_issue.json["object_attributes"]["note"] == "Me too"
    assert on_issue.json["issue"]["iid"] == issue.iid
    assert "action" not in on_issue.json["issue"]
    sim.state.items.comment(mr, "Ship it")
    on_mr = receiver.next().json
    assert on_mr["merge_request"]["iid"] == mr.iid
    assert on_mr["merge_request"]["target_project_id"] == project.id


def test_a_pipeline_of_a_branch_names_no_merge_request(
    sim: SimulatedGitLab, project: Project, dana: User, hooked: Hooked, receiver: Receiver
) -> None:
    mr = sim.state.items.add_merge_request(project, "Build", author=dana, source_branch="b")
    before = mr.updated_at
    hooked()
    sim.state.pipelines.run(mr, "running")
    body = receiver.next().json
    assert body["merge_request"] is None
    attributes = body["object_attributes"]
    assert (attributes["ref"], attributes["sha"], attributes["source"]) == ("b", mr.sha, "push")
    assert mr.updated_at == before


def test_a_merge_request_pipeline_names_its_merge_request(
    sim: SimulatedGitLab, project: Project, dana: User, hooked: Hooked, receiver: Receiver
) -> None:
    mr = sim.state.items.add_merge_request(project, "Build", author=dana, source_branch="b")
    hooked()
    sim.state.pipelines.run(mr, "running", source="merge_request_event")
    started = receiver.next()
    assert started.headers["X-Gitlab-Event"] == "Pipeline Hook"
    assert started.json["object_attributes"]["status"] == "running"
    assert started.json["merge_request"]["iid"] == mr.iid
    assert started.json["merge_request"]["target_project_id"] == project.id
    sim.state.pipelines.set_status(mr, "failed")
    failed = receiver.next().json
    assert failed["object_attributes"]["id"] == started.json["object_attributes"]["id"]
    assert failed["object_attributes"]["finished_at"] is not None


def test_a_moved_issue_opens_there_and_closes_here_with_the_global_id(
    sim: SimulatedGitLab, project: Project, dana: User, hooked: Hooked, receiver: Receiver
) -> None:
    issue = sim.state.items.add_issue(project, "Nomad", author=dana)
    attic = sim.state.projects.add("acme/attic")
    hooked()
    sim.state.hooks.add(attic, receiver.url, issues_events=True)
    copy = sim.state.items.move(issue, attic)
    opened, closed = (request.json for request in receiver.wait_for(2))
    assert opened["project"]["id"] == attic.id
    assert closed["object_attributes"]["action"] == "close"
    assert closed["object_attributes"]["moved_to_id"] == copy.id
    assert opened["object_attributes"]["id"] == copy.id


def test_deleting_renaming_and_transferring_are_told_to_nobody(
    sim: SimulatedGitLab, project: Project, dana: User, hooked: Hooked, receiver: Receiver
) -> None:
    issue = sim.state.items.add_issue(project, "Stays", author=dana)
    doomed = sim.state.items.add_issue(project, "Goes", author=dana)
    hooked()
    sim.state.items.delete(doomed)
    sim.state.projects.rename(project, "acme/tools/printer")
    sim.state.projects.transfer(project, "globex")
    assert sim.state.sender.wait_idle()
    assert receiver.requests == []
    sim.state.items.edit(issue, title="Stays, elsewhere")
    assert receiver.next().json["project"]["path_with_namespace"] == "globex/printer"


def test_a_time_of_choice_makes_ties_and_skew(
    sim: SimulatedGitLab, project: Project, dana: User, hooked: Hooked, receiver: Receiver
) -> None:
    issue = sim.state.items.add_issue(project, "When", author=dana)
    hooked()
    ahead = datetime(2030, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    sim.state.items.edit(issue, title="Then", at=ahead)
    told = receiver.next().json["object_attributes"]
    assert told["updated_at"] == "2030-01-02T03:04:05.678Z"


def test_approvals_are_sent_as_gitlab_sends_them(
    sim: SimulatedGitLab, project: Project, dana: User, hooked: Hooked, receiver: Receiver
) -> None:
    sim.state.people.add_user("kim", "Kim")
    items = sim.state.items
    mr = items.add_merge_request(
        project, "Rollers", author=dana, source_branch="rollers", reviewers=["dana.moss"],
        mergeability="not_approved", approvals_required=2,
    )  # fmt: skip
    hooked()
    approve(items, mr, by="dana.moss")
    approve(items, mr, by="kim")
    revoke(items, mr, by="dana.moss")
    sent = [one.json for one in receiver.wait_for(3)]
    assert [
        (
            one["object_attributes"]["action"],
            one["user"]["username"],
            one["object_attributes"]["detailed_merge_status"],
            [(person["username"], person["state"]) for person in one["reviewers"]],
        )
        for one in sent
    ] == [
        ("approval", "dana.moss", "not_approved", [("dana.moss", "approved")]),
        ("approved", "kim", "mergeable", [("dana.moss", "approved")]),
        ("unapproved", "dana.moss", "not_approved", [("dana.moss", "unapproved")]),
    ]
