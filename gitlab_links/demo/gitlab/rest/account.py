"""The instance, the caller and the caller's token."""

from datetime import date
from typing import Any

from flask import Blueprint, Response, request

from gitlab_links.demo.gitlab import entities
from gitlab_links.demo.gitlab.current import state
from gitlab_links.demo.gitlab.rest import errors
from gitlab_links.demo.gitlab.rest.access import caller, caller_token, project_named
from gitlab_links.demo.gitlab.rest.filters import flag
from gitlab_links.demo.gitlab.rest.paging import paged, positive

REVISION = "5b7d8f21c3a"


def register(rest: Blueprint) -> None:
    """Add the routes to the API's blueprint."""
    rest.get("/version")(version)
    rest.get("/user")(current_user)
    rest.get("/personal_access_tokens/self")(token_self)
    rest.post("/personal_access_tokens/self/rotate")(rotate_token)
    rest.get("/projects")(projects)
    rest.get("/projects/<key>")(project)


def version() -> dict[str, Any]:
    return {"version": state().version, "revision": REVISION}


def current_user() -> dict[str, Any]:
    return entities.user_self(state().urls, caller())


def token_self() -> dict[str, Any]:
    return entities.token_self(caller_token(), state().clock)


def rotate_token() -> dict[str, Any]:
    """A new token with its value, shown only here; the old one is revoked."""
    body = request.get_json()
    expires_at = date.fromisoformat(body["expires_at"]) if "expires_at" in body else None
    with state().lock:
        try:
            token = state().people.rotate(caller_token(), expires_at)
        except ValueError as too_late:
            raise errors.bad_request(str(too_late)) from None
    return entities.token_self(token, state().clock) | {"token": token.value}


def projects() -> Response:
    """Those the caller may read, the newest first; with ``simple`` in a short form.

    With ``membership`` those of a member, with ``search`` those whose path contains it.
    """
    wanted = request.args.get("search", "").lower()
    here, whose = state(), caller()
    member = flag("membership")
    least = positive("min_access_level", 0) if "min_access_level" in request.args else 0
    found = [
        record
        for record in here.projects.all()
        if record.readable_by(whose)
        and (not member or record.access_level(whose))
        and record.members.get(whose.id, 0) >= least
        and wanted in record.path_with_namespace.lower()
    ]
    if flag("simple"):
        return paged(found[::-1], lambda record: entities.project_simple(here.urls, record))
    return paged(found[::-1], lambda record: entities.project(here.urls, record, whose))


def project(key: str) -> dict[str, Any]:
    return entities.project(state().urls, project_named(key), caller())
