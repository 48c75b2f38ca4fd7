"""Each repair works from a program: what the page can do, the API can."""

import pytest
import requests

from gitlab_links.accounts.roles import Role
from tests.conftest import GITLAB_TOKEN
from tests.health.conftest import Connected


class Program:
    """A client of the service's own HTTP port, with an admin's key."""

    def __init__(self, connected: Connected) -> None:
        self.connected = connected
        self.base = connected.webhook_url.removesuffix("/webhook")
        self.headers = {"Authorization": f"Bearer {connected.factory.api_key(connected.org)}"}

    def call(self, method, path, body=None, status=200):
        answer = requests.request(method, self.base + path, json=body, headers=self.headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    def operate(self, path):
        """Ask for an operation, have a worker do it, and say what came of it."""
        asked = self.call("POST", path, status=202)["operation"]
        assert (asked["status"], asked["result"]) == ("queued", None)
        self.connected.operate()
        org = self.base.removesuffix("/integrations/gitlab")
        answer = requests.get(f"{org}/operations/{asked['id']}", headers=self.headers)
        return answer.json()["operation"]


@pytest.fixture
def program(connected):
    return Program(connected)


def test_health_says_what_calls_are_for_and_how_each_project_is_read(connected, program):
    connected.watch()
    calls = program.call("GET", "/health")["calls"]
    assert calls["last_24_hours"].keys() == {"changes", "lists", "statuses", "items", "hooks"}
    assert calls["last_24_hours"]["items"] > 0
    (project,) = calls["projects"]
    assert (project["by"], project["because"]) == ("items", "no_working_webhook")
    assert (project["every_seconds"], project["calls_yesterday"]) == (300, 0)
    assert project["calls_today"] > 0


def test_health_is_shown_in_words_and_repaired_through_the_api(connected, program):
    connected.watch()
    health = program.call("GET", "/health")["health"]
    assert (health["status"], [one["code"] for one in health["findings"]]) == (
        "amber",
        ["no_webhooks"],
    )
    assert health["token"]["kind"] == "personal"
    assert health["token"]["may_rotate"] is True
    (project,) = health["projects"]
    assert (project["path"], project["links"], project["hook_state"]) == (
        "ships/engine",
        3,
        "missing",
    )

    done = program.operate(f"/projects/{project['id']}/hook")

    assert (done["status"], done["subject"]) == ("done", "ships/engine")
    assert done["result"] == {"created": True, "tested": True, "resent": 0}
    assert [one["step"] for one in done["steps"]] == [
        "looking_for_the_webhook",
        "making_the_webhook",
        "testing_the_webhook",
        "sending_failed_events_again",
    ]
    (project,) = program.call("GET", "/health")["health"]["projects"]
    assert project["hook_state"] == "ok"
    connected.work()
    connected.watch()
    assert program.call("GET", "/health")["health"]["status"] == "green"


def test_a_disabled_hook_turns_it_red_and_the_repair_green_again(connected, program):
    connected.watch()
    (project,) = program.call("GET", "/health")["health"]["projects"]
    program.operate(f"/projects/{project['id']}/hook")
    connected.work()
    (hook,) = connected.gitlab.state.hooks.of(connected.project)
    hook.recent_failures = 40

    checked = program.call("POST", f"/projects/{project['id']}/hook/check")["project"]
    assert checked["hook_state"] == "disabled"
    connected.watch()
    health = program.call("GET", "/health")["health"]
    assert health["status"] == "red"
    (finding,) = health["findings"]
    assert finding["since"] is not None
    assert finding["summary"].startswith("ships/engine: GitLab has disabled the webhook")

    program.operate(f"/projects/{project['id']}/hook")
    connected.work()
    connected.watch()
    assert program.call("GET", "/health")["health"]["status"] == "green"


def test_a_check_has_workers_call_gitlab_again(connected, program, clock):
    connected.watch()
    clock.advance(10)
    assert program.call("POST", "/health/check", status=202) == {"checking": 2}
    assert program.call("POST", "/health/check", status=202) == {"checking": 0}
    before = connected.watched().checked_at
    clock.advance(1)
    connected.watch()
    assert connected.watched().checked_at > before


def test_the_token_is_rotated_through_the_api_and_never_shown(connected, program):
    connected.watch()
    answer = program.operate("/token/rotate")

    tokens = connected.gitlab.state.people.tokens
    (new,) = [token.value for token in tokens.values() if not token.revoked]
    assert answer["result"]["token_expires_at"] is not None
    assert new not in str(answer)


def test_a_refused_rotation_says_which_scope_it_takes(connected, program):
    for token in connected.gitlab.state.people.tokens.values():
        token.scopes = ["read_api"]
    connected.watch()
    refused = program.operate("/token/rotate")

    assert (refused["status"], refused["error_code"]) == ("failed", "rotation_not_allowed")
    assert "self_rotate" in refused["error_detail"]


def test_validate_names_the_scopes_of_which_one_is_missing(connected, program):
    for token in connected.gitlab.state.people.tokens.values():
        token.scopes = ["read_user"]
    result = program.call("POST", "/validate")

    assert (result["status"], result["error_code"]) == ("invalid", "insufficient_scope")
    assert result["scopes"] == ["read_user"]
    assert result["missing_scopes"] == ["read_api", "api"]


def test_the_policy_is_decided_and_audited(connected, program):
    assert program.call("GET", "/policy")["policy"] == {
        "confidential_roles": ["admin", "pm"],
        "token_auto_rotate": False,
        "notify_url_host": None,
    }
    change = {
        "confidential_roles": ["member", "pm", "admin"],
        "token_auto_rotate": True,
        "notify_url": "https://chat.example.com/hooks/s3cret",
    }
    assert program.call("PATCH", "/policy", change)["policy"] == {
        "confidential_roles": ["admin", "pm", "member"],
        "token_auto_rotate": True,
        "notify_url_host": "chat.example.com",
    }
    (event,) = connected.audited("integration.policy_updated")
    assert event["changed"] == ["confidential_roles", "token_auto_rotate", "notify_url"]
    assert "s3cret" not in str(event)
    cleared = program.call("PATCH", "/policy", {"notify_url": ""})["policy"]
    assert cleared["notify_url_host"] is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"confidential_roles": ["admin"]}, "confidential_roles"),
        ({"confidential_roles": ["admin", "pm", "client"]}, "confidential_roles"),
        ({"confidential_roles": ["owner"]}, "confidential_roles"),
        ({"notify_url": "ftp://chat.example.com/"}, "notify_url"),
        ({"notify_url": "http://chat.example.com/"}, "notify_url"),
        ({"notify_url": "https://127.0.0.1/hook"}, "notify_url"),
        ({"notify_url": "https://169.254.169.254/latest"}, "notify_url"),
        ({"notify_url": "https://user:pass@chat.example.com/"}, "notify_url"),
        ({"notify_url": 7}, "notify_url"),
        ({"token_auto_rotate": "perhaps"}, "token_auto_rotate"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(connected, program, change, field):
    refused = program.call("PATCH", "/policy", change, status=422)

    assert any(name.startswith(field) for name in refused["errors"])


def test_members_may_not_see_the_connection(connected, program, factory):
    key = factory.api_key(connected.org, role=Role.MEMBER)
    for method, path in (("GET", "/health"), ("GET", "/policy"), ("POST", "/token/rotate")):
        answer = requests.request(
            method, program.base + path, headers={"Authorization": f"Bearer {key}"}
        )
        assert answer.status_code == 403


def test_projects_are_picked_from_gitlabs_list_through_the_api(connected, program):
    state = connected.gitlab.state
    owner = state.people.tokens[GITLAB_TOKEN].user
    state.projects.add_member(connected.project, owner, 40)
    listed = program.call("GET", "/projects?q=engine")["projects"]
    assert [one["path"] for one in listed] == ["ships/engine"]
    body = {"choices": [listed[0]["choice"]]}
    picked = program.call("POST", "/projects", body, status=202)["projects"]
    (engine,) = picked
    assert engine == {
        "gitlab_id": listed[0]["gitlab_id"],
        "project_id": str(connected.project_id),
        "path": "ships/engine",
        "maintained": True,
    }
    connected.watch()
    (project,) = program.call("GET", "/health")["health"]["projects"]
    assert project["hook_state"] == "ok"


def test_a_choice_of_another_org_or_of_nobody_picks_nothing(program):
    for choice in ("made-up", "WyJ4Il0.x.y"):
        refused = program.call("POST", "/projects", {"choices": [choice]}, status=409)
        assert refused["code"] == "stale_list"
    program.call("POST", "/projects", {"choices": []}, status=422)


def test_a_list_that_gitlab_refuses_is_said_in_words(connected, program):
    connected.gitlab.state.people.tokens[GITLAB_TOKEN].revoked = True
    refused = program.call("GET", "/projects", status=409)
    assert refused["code"] == "projects_not_listed"
    assert "GitLab refuses the access token" in refused["detail"]
