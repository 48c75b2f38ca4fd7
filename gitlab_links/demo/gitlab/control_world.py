"""Control operations on people, projects, hooks, and on how the instance behaves."""

import dataclasses
from collections.abc import Callable
from datetime import date
from typing import Any

from gitlab_links.demo.gitlab.bulk import Bulk, create_bulk
from gitlab_links.demo.gitlab.records import DEVELOPER, Project, Token
from gitlab_links.demo.gitlab.state import GitLabState

Json = dict[str, Any]
Operation = Callable[[GitLabState, Json], Json]


def add_user(state: GitLabState, given: Json) -> Json:
    """username; name, is_admin, bot."""
    user = state.people.add_user(**given)
    return {"id": user.id, "username": user.username}


def add_token(state: GitLabState, given: Json) -> Json:
    """user; scopes, value, name, expires_at (a date); permissions (as Work Item: Read) and
    projects (paths) make it a fine-grained one.
    """
    if given.get("expires_at"):
        given["expires_at"] = date.fromisoformat(given["expires_at"])
    return _token(state.people.add_token(**given))


def change_token(state: GitLabState, given: Json) -> Json:
    """value; revoked, scopes, permissions, expires_at (a date or null)."""
    token = state.people.tokens[given["value"]]
    token.revoked = given.get("revoked", token.revoked)
    token.scopes = given.get("scopes", token.scopes)
    if "permissions" in given:
        token.permissions, token.scopes = frozenset(given["permissions"]), ["granular"]
    if "expires_at" in given:
        day = given["expires_at"]
        token.expires_at = date.fromisoformat(day) if day else None
    return _token(token)


def add_project(state: GitLabState, given: Json) -> Json:
    """path_with_namespace; name, visibility."""
    return _project(state, state.projects.add(**given))


def rename_project(state: GitLabState, given: Json) -> Json:
    """project, path: the new full path. No hook is told."""
    project = state.projects.get(given["project"])
    state.projects.rename(project, given["path"])
    return _project(state, project)


def transfer_project(state: GitLabState, given: Json) -> Json:
    """project, namespace. No hook is told."""
    project = state.projects.get(given["project"])
    state.projects.transfer(project, given["namespace"])
    return _project(state, project)


def rename_group(state: GitLabState, given: Json) -> Json:
    """old, new."""
    state.projects.rename_group(given["old"], given["new"])
    return {"projects": [_project(state, project) for project in state.projects.all()]}


def delete_project(state: GitLabState, given: Json) -> Json:
    """project."""
    project = state.projects.get(given["project"])
    state.projects.delete(project)
    return _project(state, project)


def set_user(state: GitLabState, given: Json) -> Json:
    """user; state (active, blocked)."""
    user = state.people.user(given["user"])
    user.state = given["state"]
    return {"username": user.username, "state": user.state}


def set_member(state: GitLabState, given: Json) -> Json:
    """project, user; level (10 to 50), 0 takes the access away."""
    project = state.projects.get(given["project"])
    user, level = state.people.user(given["user"]), given.get("level", DEVELOPER)
    if level:
        state.projects.add_member(project, user, level)
    else:
        state.projects.remove_member(project, user)
    return {"project_id": project.id, "user": user.username, "level": level}


def set_access(state: GitLabState, given: Json) -> Json:
    """project; visibility, merge_requests_access (enabled, private, disabled)."""
    project = state.projects.get(given["project"])
    project.visibility = given.get("visibility", project.visibility)
    project.merge_requests_access = given.get(
        "merge_requests_access", project.merge_requests_access
    )
    return _project(state, project)


def add_hook(state: GitLabState, given: Json) -> Json:
    """project, url; token, signing_token and triggers by the names of the API."""
    project = state.projects.get(given.pop("project"))
    return {"id": state.hooks.add(project, **given).id}


def fail_hooks(state: GitLabState, given: Json) -> Json:
    """project, failures: as if that many deliveries in a row had failed (4 pause, 40 end)."""
    found = state.hooks.of(state.projects.get(given["project"]))
    with state.lock:
        for hook in found:
            state.hooks.fail(hook, int(given["failures"]))
    now = state.clock.now()
    return {"hooks": [{"id": hook.id, "alert_status": hook.alert_status(now)} for hook in found]}


def fault(state: GitLabState, given: Json) -> Json:
    """kind, times (null: until cleared); status, retry_after, route, project_id, ..."""
    return _fault_told(dataclasses.asdict(state.faults.answer(**given)))


def clear_faults(state: GitLabState, _given: Json) -> Json:
    """Behave again: no faults, no latency, no webhook lost."""
    state.faults.clear()
    return {"cleared": True}


def latency(state: GitLabState, given: Json) -> Json:
    """seconds, added to each API call."""
    state.faults.latency = float(given["seconds"])
    return {"seconds": state.faults.latency}


def webhooks(state: GitLabState, given: Json) -> Json:
    """drop_next, drop_every, delay: what befalls webhooks from now on."""
    trouble = dataclasses.replace(state.faults.webhooks, **given)
    state.faults.webhooks = trouble
    return dataclasses.asdict(trouble)


def rate_limit(state: GitLabState, given: Json) -> Json:
    """limit: API calls a minute and caller."""
    state.calls.limit = int(given["limit"])
    return {"limit": state.calls.limit}


def reset_calls(state: GitLabState, _given: Json) -> Json:
    """Start counting API calls anew."""
    state.calls.reset()
    return {"total": 0}


def advance(state: GitLabState, given: Json) -> Json:
    """seconds, by which the clock of the instance goes ahead."""
    state.clock.advance(float(given["seconds"]))
    return {"now": state.clock.now().isoformat()}


def wait(state: GitLabState, given: Json) -> Json:
    """timeout in seconds; idle tells whether every webhook was attempted by then."""
    return {"idle": state.sender.wait_idle(float(given.get("timeout", 10)))}


def bulk(state: GitLabState, given: Json) -> Json:
    """projects, issues and merge_requests in each, prefix."""
    made = create_bulk(state, Bulk(**given))
    return {"projects": [_project(state, project) for project in made]}


WORLD_OPERATIONS: dict[str, Operation] = {
    f.__name__: f
    for f in (
        add_user, add_token, change_token, add_project, rename_project, transfer_project,
        rename_group, delete_project, set_user, set_member, set_access, add_hook, fail_hooks, fault,
        clear_faults, latency, webhooks, rate_limit, reset_calls, advance, wait, bulk,
    )
}  # fmt: skip


def _project(state: GitLabState, project: Project) -> Json:
    path = project.path_with_namespace
    return {"id": project.id, "path_with_namespace": path, "url": state.urls.project(project)}


def _token(token: Token) -> Json:
    expires_at = token.expires_at and token.expires_at.isoformat()
    return {"value": token.value, "scopes": token.scopes, "expires_at": expires_at}


def _fault_told(fault_told: Json) -> Json:
    return {name: value for name, value in fault_told.items() if name != "token"}
