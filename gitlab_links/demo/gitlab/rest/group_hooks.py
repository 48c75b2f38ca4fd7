"""Webhooks of groups: they hear of every project below the group. Only an owner may have them."""

from typing import Any

from flask import Blueprint, Response

from gitlab_links.demo.gitlab import entities
from gitlab_links.demo.gitlab.current import state
from gitlab_links.demo.gitlab.hooks import Hook
from gitlab_links.demo.gitlab.records import OWNER
from gitlab_links.demo.gitlab.rest import errors
from gitlab_links.demo.gitlab.rest.access import caller, require_level, spelled
from gitlab_links.demo.gitlab.rest.hooks import hook_settings
from gitlab_links.demo.gitlab.rest.paging import paged


def register(rest: Blueprint) -> None:
    """Add the routes to the API's blueprint."""
    rest.get("/groups/<key>/hooks")(group_hooks)
    rest.post("/groups/<key>/hooks")(add_group_hook)
    rest.get("/groups/<key>/hooks/<int:hook_id>")(group_hook)
    rest.put("/groups/<key>/hooks/<int:hook_id>")(change_group_hook)
    rest.delete("/groups/<key>/hooks/<int:hook_id>")(delete_group_hook)


def group_hooks(key: str) -> Response:
    return paged(state().hooks.of(_group(key)), _present)


def add_group_hook(key: str) -> tuple[dict[str, Any], int]:
    group, settings = _group(key), {"push_events": True} | hook_settings()
    if "url" not in settings:
        raise errors.bad_parameter("url", "is missing")
    with state().lock:
        return _present(state().hooks.add(group, **settings)), 201


def group_hook(key: str, hook_id: int) -> dict[str, Any]:
    return _present(_hook(key, hook_id))


def change_group_hook(key: str, hook_id: int) -> dict[str, Any]:
    found = _hook(key, hook_id)
    with state().lock:
        state().hooks.update(found, **hook_settings())
    return _present(found)


def delete_group_hook(key: str, hook_id: int) -> tuple[str, int]:
    found = _hook(key, hook_id)
    with state().lock:
        state().hooks.delete(found)
    return "", 204


def _group(key: str) -> str:
    """The path of a group that has a project which the caller may read, and which they own."""
    group = spelled(key).lower()
    below = [
        project
        for project in state().projects.all()
        if f"{project.namespace.lower()}/".startswith(f"{group}/") and project.readable_by(caller())
    ]
    if not below:
        raise errors.not_found("Group")
    for project in below:
        require_level(project, OWNER)
    return group


def _hook(key: str, hook_id: int) -> Hook:
    group, found = _group(key), state().hooks.by_id.get(hook_id)
    if found is None or found.of != group:
        raise errors.not_found()
    return found


def _present(record: Hook) -> dict[str, Any]:
    return entities.hook(record, state().clock)
