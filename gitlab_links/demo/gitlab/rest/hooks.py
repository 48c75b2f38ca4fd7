"""Project webhooks: create, change, test, and look at what they sent."""

import base64
import binascii
import json
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, request

from gitlab_links.demo.gitlab import entities
from gitlab_links.demo.gitlab.current import state
from gitlab_links.demo.gitlab.hooks import TRIGGERS, Hook, HookEvent
from gitlab_links.demo.gitlab.records import MAINTAINER
from gitlab_links.demo.gitlab.rest import errors
from gitlab_links.demo.gitlab.rest.access import project_named, require_level
from gitlab_links.demo.gitlab.rest.errors import ApiError
from gitlab_links.demo.gitlab.rest.paging import paged
from gitlab_links.demo.gitlab.trials import Untestable, trial

TEXTS = ("url", "token", "signing_token", "name")
FLAGS = (*TRIGGERS, "enable_ssl_verification")
EVENT_STATUSES = {"successful": "2", "client_failure": "4", "server_failure": "5"}
LARGEST_EVENT_PAGE = 20


def register(rest: Blueprint) -> None:
    """Add the routes to the API's blueprint."""
    rest.get("/projects/<key>/hooks")(hooks)
    rest.post("/projects/<key>/hooks")(add_hook)
    rest.put("/projects/<key>/hooks/<int:hook_id>")(change_hook)
    rest.delete("/projects/<key>/hooks/<int:hook_id>")(delete_hook)
    rest.post("/projects/<key>/hooks/<int:hook_id>/test/<trigger>")(test_hook)
    rest.get("/projects/<key>/hooks/<int:hook_id>/events")(events)
    rest.post("/projects/<key>/hooks/<int:hook_id>/events/<int:event_id>/resend")(resend)


def hooks(key: str) -> Response:
    project = project_named(key)
    require_level(project, MAINTAINER)
    return paged(state().hooks.of(project), _present)


def add_hook(key: str) -> tuple[dict[str, Any], int]:
    project = project_named(key)
    require_level(project, MAINTAINER)
    settings = {"push_events": True} | hook_settings()
    if "url" not in settings:
        raise errors.bad_parameter("url", "is missing")
    with state().lock:
        return _present(state().hooks.add(project, **settings)), 201


def change_hook(key: str, hook_id: int) -> dict[str, Any]:
    found = _hook(key, hook_id)
    with state().lock:
        state().hooks.update(found, **hook_settings())
    return _present(found)


def delete_hook(key: str, hook_id: int) -> tuple[str, int]:
    found = _hook(key, hook_id)
    with state().lock:
        state().hooks.delete(found)
    return "", 204


def test_hook(key: str, hook_id: int, trigger: str) -> tuple[dict[str, Any], int]:
    """Send the newest real object at once; a hook that answers is enabled again by it."""
    found = _hook(key, hook_id)
    if trigger not in TRIGGERS:
        raise errors.bad_parameter("trigger", "does not have a valid value")
    try:
        event = state().sender.send_now(trial(state(), found, project_named(key), trigger))
    except Untestable as reason:
        raise ApiError(422, {"message": str(reason)}) from None
    if not event.response_status.startswith("2"):
        raise ApiError(422, {"message": event.response_body or "422 Unprocessable Entity"})
    return {"message": "201 Created"}, 201


def events(key: str, hook_id: int) -> Response:
    """Newest first, at most 20 a page."""
    found = list(reversed(_hook(key, hook_id).events))
    status = request.args.get("status")
    if status:
        found = [event for event in found if _matches(event, status)]
    return paged(found, _present_event, largest=LARGEST_EVENT_PAGE)


def resend(key: str, hook_id: int, event_id: int) -> tuple[dict[str, Any], int]:
    found = _hook(key, hook_id)
    event = next((event for event in found.events if event.id == event_id), None)
    if event is None:
        raise errors.not_found()
    if event.url != found.url:
        message = "The hook URL has changed. Unable to resend the request."
        raise ApiError(422, {"message": message})
    answer = state().publisher.resend(found, event)
    status = answer.response_status
    return {"response_status": int(status) if status.isdecimal() else status}, 201


def _present(record: Hook) -> dict[str, Any]:
    return entities.hook(record, state().clock)


def _present_event(event: HookEvent) -> dict[str, Any]:
    return entities.hook_event(event, json.loads(event.body))


def _matches(event: HookEvent, status: str) -> bool:
    return event.response_status.startswith(EVENT_STATUSES.get(status, status))


def _hook(key: str, hook_id: int) -> Hook:
    project = project_named(key)
    require_level(project, MAINTAINER)
    found = state().hooks.by_id.get(hook_id)
    if found is None or found.of is not project:
        raise errors.not_found()
    return found


def hook_settings() -> dict[str, Any]:
    """What the body sets of a hook."""
    body = request.get_json()
    settings: dict[str, Any] = {name: body[name] for name in TEXTS if name in body}
    settings |= {name: bool(body[name]) for name in FLAGS if name in body}
    if "url" in settings and urlsplit(settings["url"]).scheme not in ("http", "https"):
        raise ApiError(422, {"error": "Invalid url given"})
    if settings.get("signing_token"):
        _check_signing_token(settings["signing_token"])
    return settings


def _check_signing_token(token: str) -> None:
    try:
        base64.b64decode(token.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ApiError(422, {"message": {"signing_token": ["is invalid"]}}) from None
