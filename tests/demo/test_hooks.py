"""Hooks through the API: made, tested, disabled and repaired by GitLab's rules."""

from collections.abc import Callable
from typing import Any

import gitlab
import pytest

from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.demo.gitlab.records import Project, User
from tests.demo.conftest import Receiver
from tests.frozen_clock import FrozenClock

MINUTE, DAY = 60, 24 * 60 * 60

Hooked = Callable[..., Any]


def fail(sim: SimulatedGitLab, project: Project, times: int) -> None:
    """Cause events one after the other, so that each failure is counted before the next."""
    for _ in range(times):
        sim.state.items.comment(project.issues[1], "hello?")
        assert sim.state.sender.wait_idle()


@pytest.fixture
def issue(sim: SimulatedGitLab, project: Project, dana: User) -> Any:
    return sim.state.items.add_issue(project, "Noise", author=dana)


def test_a_hook_made_through_the_api_shows_no_secret(
    project: Project, client: gitlab.Gitlab, receiver: Receiver
) -> None:
    hooks = client.projects.get(project.id, lazy=True).hooks
    hooks.create(
        {
            "url": receiver.url,
            "token": "a plain secret",
            "signing_token": "whsec_c2lnbmluZyBrZXk=",
            "issues_events": True,
            "push_events": False,
            "name": "gitlab_links",
        }
    )
    told = hooks.list(get_all=False)[0].asdict()
    assert (told["issues_events"], told["push_events"], told["note_events"]) == (
        True, False, False,
    )  # fmt: skip
    assert (told["alert_status"], told["disabled_until"]) == ("executable", None)
    assert (told["token_present"], told["signing_token_present"]) == (True, True)
    assert "secret" not in str(told)
    assert "whsec_" not in str(told)
    assert not {"token", "signing_token"} & told.keys()


def test_a_hook_is_changed_through_the_api(
    project: Project, client: gitlab.Gitlab, receiver: Receiver
) -> None:
    hooks = client.projects.get(project.id, lazy=True).hooks
    made = hooks.create({"url": receiver.url})
    made.pipeline_events = True
    made.save()
    assert [hook.pipeline_events for hook in hooks.list(get_all=False)] == [True]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"url": "ftp://example.com"}, 422),
        ({"url": "http://example.com", "signing_token": "whsec_?"}, 422),
    ],
)
def test_a_hook_that_cannot_work_is_refused(
    project: Project, client: gitlab.Gitlab, body: dict[str, str], status: int
) -> None:
    with pytest.raises(gitlab.exceptions.GitlabHttpError) as refusal:
        client.http_post(f"/projects/{project.id}/hooks", post_data=body)
    assert refusal.value.response_code == status


def test_four_failures_disable_for_a_minute_and_events_are_lost(
    sim: SimulatedGitLab,
    project: Project,
    issue: Any,
    hooked: Hooked,
    receiver: Receiver,
    clock: FrozenClock,
) -> None:
    hook, receiver.status = hooked(), 500
    fail(sim, project, 3)
    assert hook.alert_status(sim.state.clock.now()) == "executable"
    fail(sim, project, 1)
    assert hook.alert_status(sim.state.clock.now()) == "temporarily_disabled"
    paused = hook.disabled_until - sim.state.clock.now()
    assert paused.total_seconds() == MINUTE
    fail(sim, project, 3)
    assert len(receiver.requests) == 4
    sim.state.clock.advance(MINUTE + 1)
    assert hook.alert_status(sim.state.clock.now()) == "executable"
    fail(sim, project, 1)
    assert len(receiver.requests) == 5
    paused = hook.disabled_until - sim.state.clock.now()
    assert paused.total_seconds() == 2 * MINUTE


def test_one_success_forgives_all_failures(
    sim: SimulatedGitLab, project: Project, issue: Any, hooked: Hooked, receiver: Receiver
) -> None:
    hook, receiver.status = hooked(), 404
    fail(sim, project, 3)
    receiver.status = 302
    fail(sim, project, 1)
    assert (hook.recent_failures, hook.disabled_until) == (0, None)


def test_forty_failures_disable_for_good(
    sim: SimulatedGitLab,
    project: Project,
    issue: Any,
    hooked: Hooked,
    receiver: Receiver,
    client: gitlab.Gitlab,
) -> None:
    hooked()
    receiver.status = None
    for _ in range(40):
        fail(sim, project, 1)
        sim.state.clock.advance(DAY + 1)
    (told,) = client.projects.get(project.id, lazy=True).hooks.list(get_all=False)
    assert told.alert_status == "disabled"
    sim.state.clock.advance(30 * DAY)
    fail(sim, project, 2)
    assert len(receiver.requests) == 40


def test_a_test_that_is_answered_enables_the_hook_again(
    sim: SimulatedGitLab,
    project: Project,
    issue: Any,
    hooked: Hooked,
    receiver: Receiver,
    client: gitlab.Gitlab,
) -> None:
    hook, receiver.status = hooked(), 500
    fail(sim, project, 4)
    receiver.requests.clear()
    told = client.projects.get(project.id, lazy=True).hooks.get(hook.id, lazy=True)
    with pytest.raises(gitlab.exceptions.GitlabHookTestError) as refusal:
        told.test("issues_events")
    assert refusal.value.response_code == 422
    receiver.status, _ = 200, receiver.requests.clear()
    told.test("issues_events")
    body = receiver.next().json
    assert (body["object_attributes"]["action"], body["object_attributes"]["iid"]) == ("open", 1)
    assert body["changes"] == {}
    assert hook.alert_status(sim.state.clock.now()) == "executable"


def test_a_test_needs_something_to_send(
    project: Project, hooked: Hooked, client: gitlab.Gitlab
) -> None:
    hook = client.projects.get(project.id, lazy=True).hooks.get(hooked().id, lazy=True)
    for trigger, status in (
        ("merge_requests_events", 422),
        ("push_events", 422),
        ("other_events", 400),
    ):
        with pytest.raises(gitlab.exceptions.GitlabHookTestError) as refusal:
            hook.test(trigger)
        assert refusal.value.response_code == status


def test_the_log_tells_each_attempt_and_resends_it_under_the_same_key(
    sim: SimulatedGitLab,
    project: Project,
    issue: Any,
    hooked: Hooked,
    receiver: Receiver,
    client: gitlab.Gitlab,
) -> None:
    hook, receiver.status = hooked(token="a plain secret"), 503
    fail(sim, project, 1)
    first = receiver.next()
    path = f"/projects/{project.id}/hooks/{hook.id}/events"
    (event,) = client.http_get(path)
    assert (event["trigger"], event["response_status"]) == ("note_hooks", "503")
    assert event["request_headers"]["X-Gitlab-Token"] == "[REDACTED]"
    assert event["request_data"] == first.json
    assert event["response_body"] == receiver.text
    receiver.status = 200
    assert client.http_post(f"{path}/{event['id']}/resend") == {"response_status": 200}
    again = receiver.next()
    assert again.body == first.body
    for name in ("Idempotency-Key", "webhook-id", "X-Gitlab-Event-UUID"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["X-Gitlab-Webhook-UUID"] != first.headers["X-Gitlab-Webhook-UUID"]
    assert [e["response_status"] for e in client.http_get(path)] == ["200", "503"]
    assert len(client.http_get(path, query_data={"status": "server_failure"})) == 1


def test_no_answer_is_an_internal_error_in_the_log(
    sim: SimulatedGitLab, project: Project, issue: Any, hooked: Hooked, receiver: Receiver
) -> None:
    hook, receiver.status = hooked(), None
    fail(sim, project, 1)
    assert hook.events[-1].response_status == "internal error"


def test_a_groups_hook_hears_of_all_projects_below_it(
    sim: SimulatedGitLab, issue: Any, client: gitlab.Gitlab, receiver: Receiver
) -> None:
    group = client.groups.get(issue.project.namespace, lazy=True)
    made = group.hooks.create({"url": receiver.url, "token": "of a group", "note_events": True})
    assert "group_id" in made.attributes
    assert "project_id" not in made.attributes
    sim.state.items.comment(issue, "hello?")
    elsewhere = sim.state.projects.add(f"{issue.project.namespace}-too/press")
    sim.state.items.comment(sim.state.items.add_issue(elsewhere, "Far", author="root"), "hello?")
    assert sim.state.sender.wait_idle()
    assert [one.headers["X-Gitlab-Token"] for one in receiver.requests] == ["of a group"]
    made.note_events = False
    made.save()
    assert [hook.note_events for hook in group.hooks.list(get_all=False)] == [False]
    made.delete()
    assert group.hooks.list(get_all=False) == []
