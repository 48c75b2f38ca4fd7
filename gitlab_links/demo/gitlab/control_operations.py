"""What the demo and the benchmarks have a simulated GitLab in another process do."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from gitlab_links.demo.gitlab.approvals import approve as give_approval
from gitlab_links.demo.gitlab.approvals import revoke
from gitlab_links.demo.gitlab.bulk import Bulk, create_bulk
from gitlab_links.demo.gitlab.records import Item, MergeRequest
from gitlab_links.demo.gitlab.state import GitLabState

Json = dict[str, Any]
Operation = Callable[[GitLabState, Json], Json]


def add_hook(state: GitLabState, given: Json) -> Json:
    """project, url; token, signing_token and triggers by the names of the API."""
    project = state.projects.get(given.pop("project"))
    return {"id": state.hooks.add(project, **given).id}


def edit(state: GitLabState, given: Json) -> Json:
    """project, type, iid; by, at, notify; title, description, labels, assignees, ..."""
    item = _item(state, given)
    if "at" in given:
        given["at"] = datetime.fromisoformat(given["at"])
    return {"changed": state.items.edit(item, **given)}


def comment(state: GitLabState, given: Json) -> Json:
    """project, type, iid, text; by."""
    item = _item(state, given)
    return {"id": state.items.comment(item, given["text"], by=given.get("by")).id}


def approve(state: GitLabState, given: Json) -> Json:
    """project, iid, by; revoke, to take the approval back."""
    act = revoke if given.pop("revoke", False) else give_approval
    mr = _item(state, {**given, "type": "merge_request"})
    assert isinstance(mr, MergeRequest)  # noqa: S101  # found by its type
    act(state.items, mr, by=given["by"])
    return {"approved_by": mr.approved_by}


def bulk(state: GitLabState, given: Json) -> Json:
    """projects, issues in each, prefix."""
    made = create_bulk(state, Bulk(**given))
    return {
        "projects": [
            {"id": project.id, "path_with_namespace": project.path_with_namespace}
            for project in made
        ]
    }


def latency(state: GitLabState, given: Json) -> Json:
    """seconds, added to each API call."""
    state.faults.latency = float(given["seconds"])
    return {"seconds": state.faults.latency}


def rate_limit(state: GitLabState, given: Json) -> Json:
    """limit: API calls a minute and caller."""
    state.calls.limit = int(given["limit"])
    return {"limit": state.calls.limit}


def reset_calls(state: GitLabState, _given: Json) -> Json:
    """Start counting API calls anew."""
    state.calls.reset()
    return {"total": 0}


OPERATIONS: dict[str, Operation] = {
    f.__name__: f
    for f in (add_hook, edit, comment, approve, bulk, latency, rate_limit, reset_calls)
}


def _item(state: GitLabState, given: Json) -> Item:
    project = state.projects.get(given.pop("project"))
    return state.items.find(project, given.pop("type", "issue"), given.pop("iid"))
