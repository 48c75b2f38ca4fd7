"""Tokens: who gets in, with what answer to those who do not."""

from datetime import timedelta

import gitlab
import pytest
import requests

from gitlab_links import clock
from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.demo.gitlab.records import MAINTAINER, Project, User
from tests.demo.conftest import TOKEN, client_of
from tests.hanging import HANGS


def answer_to(sim: SimulatedGitLab, headers: dict[str, str]) -> requests.Response:
    return requests.get(f"{sim.url}/api/v4/user", headers=headers, timeout=HANGS)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_bearer_is_let_in(sim: SimulatedGitLab) -> None:
    assert answer_to(sim, bearer(TOKEN)).json()["username"] == "root"


def test_no_token_and_an_unknown_one_get_the_same_401(sim: SimulatedGitLab) -> None:
    for headers in ({}, bearer("glpat-nobody"), {"Authorization": TOKEN}):
        answer = answer_to(sim, headers)
        assert (answer.status_code, answer.json()) == (401, {"message": "401 Unauthorized"})


def test_an_expired_and_a_revoked_token_are_told_apart(sim: SimulatedGitLab, dana: User) -> None:
    token = sim.state.people.add_token(dana, expires_at=clock.utcnow().date() + timedelta(days=1))
    headers = bearer(token.value)
    assert answer_to(sim, headers).status_code == 200
    sim.state.clock.advance(timedelta(days=2).total_seconds())
    expired = answer_to(sim, headers)
    assert (expired.status_code, expired.json()["error"]) == (401, "invalid_token")
    assert "expired" in expired.json()["error_description"]
    token.expires_at, token.revoked = None, True
    assert "revoked" in answer_to(sim, headers).json()["error_description"]


def test_a_reading_token_may_not_write(sim: SimulatedGitLab, project: Project, dana: User) -> None:
    sim.state.projects.add_member(project, dana, MAINTAINER)
    token = sim.state.people.add_token(dana, scopes=["read_api"])
    url = f"{sim.url}/api/v4/projects/{project.id}/hooks"
    headers = bearer(token.value)
    assert requests.get(url, headers=headers, timeout=HANGS).status_code == 200
    refused = requests.post(url, headers=headers, json={"url": "http://x.example"}, timeout=HANGS)
    assert (refused.status_code, refused.json()) == (
        403,
        {
            "error": "insufficient_scope",
            "error_description": "The request requires higher privileges than provided by the "
            "access token.",
            "scope": "api",
        },
    )


def test_a_token_of_another_scope_still_tells_about_itself(
    sim: SimulatedGitLab, dana: User
) -> None:
    token = sim.state.people.add_token(dana, scopes=["read_repository"])
    client = client_of(sim, token.value)
    assert client.personal_access_tokens.get("self").scopes == ["read_repository"]
    with pytest.raises(gitlab.exceptions.GitlabGetError) as refusal:
        client.projects.get("acme/tools/press")
    assert refusal.value.response_code == 403


def test_a_token_rotates_itself(sim: SimulatedGitLab, dana: User) -> None:
    token = sim.state.people.add_token(dana, scopes=["read_api", "self_rotate"])
    client = client_of(sim, token.value)
    before = clock.utcnow().date()
    rotated = client.http_post("/personal_access_tokens/self/rotate", post_data={})
    assert rotated["token"] != token.value
    week_later = [(day + timedelta(days=7)).isoformat() for day in (before, clock.utcnow().date())]
    assert rotated["expires_at"] in week_later
    with pytest.raises(gitlab.exceptions.GitlabAuthenticationError):
        client.auth()
    client_of(sim, rotated["token"]).auth()


def test_hooks_are_for_maintainers(sim: SimulatedGitLab, project: Project, dana: User) -> None:
    token = sim.state.people.add_token(dana, scopes=["api"])
    hooks = client_of(sim, token.value).projects.get(project.id, lazy=True).hooks
    with pytest.raises(gitlab.exceptions.GitlabListError) as refusal:
        hooks.list(get_all=False)
    assert refusal.value.response_code == 403
    sim.state.projects.add_member(project, dana, MAINTAINER)
    assert hooks.list(get_all=False) == []


def test_a_fine_grained_token_may_do_what_it_was_given_and_is_told_what_it_lacks(
    sim: SimulatedGitLab, project: Project, dana: User
) -> None:
    sim.state.items.add_issue(project, "Read me", author=dana)
    other = sim.state.projects.add("acme/other")
    token = sim.state.people.add_token(
        dana,
        permissions=["Work Item: Read", "Personal Access Token: Read"],
        projects=[project.path_with_namespace],
    )
    headers = bearer(token.value)

    def get(path: str) -> requests.Response:
        return requests.get(f"{sim.url}/api/v4{path}", headers=headers, timeout=HANGS)

    assert get("/personal_access_tokens/self").json()["scopes"] == ["granular"]
    assert get(f"/projects/{project.id}/issues").status_code == 200
    for path, lacking in {
        f"/projects/{other.id}/issues": "project permissions: [Work Item: Read]",
        f"/projects/{project.id}/merge_requests": "project permissions: [Merge Request: Read]",
        f"/projects/{project.id}": "project permissions: [Project: Read]",
        f"/projects/{project.id}/hooks": "project permissions: [Webhook: Read]",
        "/user": "user permissions: [User: Read]",
        "/version": "instance permissions: [Metadata: Read]",
    }.items():
        refused = get(path)
        assert (refused.status_code, refused.json()["error"]) == (
            403,
            "insufficient_granular_scope",
        )
        assert lacking in refused.json()["error_description"]
