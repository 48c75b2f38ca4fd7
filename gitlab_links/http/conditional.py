"""ETags: an unchanged answer costs a 304, and no change overwrites what its author never saw."""

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
    """Give JSON answers of the API a validator and honour If-None-Match."""
    app.after_request(_validate)


def locks(lock: Callable[[uuid.UUID], Any]) -> Callable[[F], F]:
    """Have ``lock`` hold the row until the commit, before If-Match is compared with it.

    It is called with the last id of the path.
    """

    def decorator(view: F) -> F:
        setattr(view, _LOCK, lock)
        return view

    return decorator


def tagged(view: F) -> F:
    """The answer to a POST is what a GET of it says, and carries its ETag."""
    setattr(view, TAGGED, True)
    return view


def set_version(*facts: Any) -> None:
    """Say what of the answer a change is measured by: If-Match looks at these facts alone.

    For answers that also tell what changes by itself, as when GitLab was last asked.
    """
    g.version = sha256(repr(facts).encode()).hexdigest()[:16]


def require_match() -> None:
    """Raise :class:`PreconditionFailed` where If-Match names another state than the present one.

    Only for methods that change what is there. The present state is what a GET of the same
    address answers, within the transaction of the change.
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
    present = _etag(answer)
    g.pop("version", None)
    if not _names(present):
        raise PreconditionFailed(
            "It was changed since you read it. Read it again, and decide anew.", etag=present
        )


def _names(present: str) -> bool:
    """Whether If-Match names the present state; of a state with a version, the version counts.

    A weak tag counts as well, other than RFC 9110 has it: every tag given out here is strong,
    and a proxy that compresses the answer, as nginx does, makes it weak on the way.
    """
    wanted = request.if_match
    if wanted.star_tag:
        return True
    version, dot, _ = present.partition(".")
    tags = [tag for tag in wanted.as_set(include_weak=True) if tag]
    return present in tags or any(dot and tag.startswith(f"{version}.") for tag in tags)


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
    elif _tells_the_new_state(response):
        response.set_etag(_etag(response))
    return response


def _tells_the_new_state(response: Response) -> bool:
    view = current_app.view_functions.get(request.endpoint or "")
    patched = request.method == "PATCH" and response.status_code == 200
    return patched or (response.status_code == 201 and hasattr(view, TAGGED))
