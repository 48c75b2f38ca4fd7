"""ETags: an unchanged response becomes a 304, and If-Match prevents lost updates."""

import uuid
from collections.abc import Callable
from hashlib import sha256
from typing import Any, TypeVar

from flask import Flask, Response, current_app, g, make_response, request

from gitlab_links.errors import PreconditionFailed

F = TypeVar("F", bound=Callable[..., Any])

CHANGING = frozenset({"PATCH", "PUT", "DELETE"})
TAGGED = "__tagged__"
_LOCK = "__lock__"


def register(app: Flask) -> None:
    """Set ETags on the API's JSON responses, and answer If-None-Match."""
    app.after_request(_validate)


def locks(lock: Callable[[uuid.UUID], Any]) -> Callable[[F], F]:
    """Call ``lock`` with the last id of the path, before If-Match is compared.

    It locks the row until the commit.
    """

    def decorator(view: F) -> F:
        setattr(view, _LOCK, lock)
        return view

    return decorator


def tagged(view: F) -> F:
    """Set an ETag on the response to a POST: its body is the same as that of a later GET."""
    setattr(view, TAGGED, True)
    return view


def set_version(*facts: Any) -> None:
    """Make If-Match compare only these facts instead of the whole response.

    For responses with data that changes without a user, as the time of the last fetch.
    """
    g.version = sha256(repr(facts).encode()).hexdigest()[:16]


def require_match() -> None:
    """Raise :class:`PreconditionFailed` if If-Match does not match the current state.

    Only for methods that change an existing resource. The current state is the response to a
    GET of the same path, within the transaction of the change.
    """
    if "If-Match" not in request.headers or request.method not in CHANGING:
        return
    endpoint = _reading_endpoint()
    if endpoint is None:
        return
    lock = getattr(current_app.view_functions[request.endpoint or ""], _LOCK, None)
    path_ids = list((request.view_args or {}).values())
    if lock is not None:
        lock(path_ids[-1])
    answer = make_response(current_app.view_functions[endpoint](**(request.view_args or {})))
    current = _etag(answer)
    g.pop("version", None)
    if not _matches(current):
        raise PreconditionFailed(
            "It has changed since you read it. Read it again before you change it.", etag=current
        )


def _matches(current: str) -> bool:
    """Whether If-Match matches the current state; of a state with a version, only the version.

    Weak tags match too, unlike in RFC 9110: every tag of this service is strong, and a proxy
    that compresses responses, as nginx does, makes it weak.
    """
    wanted = request.if_match
    if wanted.star_tag:
        return True
    version, dot, _ = current.partition(".")
    tags = [tag for tag in wanted.as_set(include_weak=True) if tag]
    return current in tags or any(dot and tag.startswith(f"{version}.") for tag in tags)


def _reading_endpoint() -> str | None:
    here = request.url_rule
    for rule in current_app.url_map.iter_rules():
        if here is not None and rule.rule == here.rule and "GET" in (rule.methods or ()):
            return str(rule.endpoint)
    return None


def _etag(answer: Response) -> str:
    body = sha256(answer.get_data()).hexdigest()[:32]
    version = g.get("version")
    return body if version is None else f"{version}.{body}"


def _validate(response: Response) -> Response:
    if not request.path.startswith("/api/") or response.is_streamed:
        return response
    if request.method in {"GET", "HEAD"} and response.status_code == 200:
        if response.get_etag()[0] is None:
            response.set_etag(_etag(response))
        response.make_conditional(request)
    elif _has_the_new_state(response):
        response.set_etag(_etag(response))
    return response


def _has_the_new_state(response: Response) -> bool:
    view = current_app.view_functions.get(request.endpoint or "")
    patched = request.method == "PATCH" and response.status_code == 200
    return patched or (response.status_code == 201 and hasattr(view, TAGGED))
