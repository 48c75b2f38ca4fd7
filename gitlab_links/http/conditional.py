"""ETags: an unchanged response becomes a 304, and If-Match prevents lost updates."""

import uuid
from collections.abc import Callable
from hashlib import sha256
from typing import Any, TypeVar

from flask import Flask, Response, current_app, g, make_response, request
from werkzeug.http import quote_etag

from gitlab_links.errors import Invalid, PreconditionFailed
from gitlab_links.http.access import Kind, declaration_of
from gitlab_links.http.error_rendering import render

F = TypeVar("F", bound=Callable[..., Any])

TAGGED = "__tagged__"
_LOCK = "__lock__"
_CHANGED = "It has changed since you read it."


def register(app: Flask) -> None:
    """Set ETags on the API's JSON responses; answer If-None-Match, and If-Match of a GET."""
    app.after_request(_validate)


def locks(lock: Callable[[uuid.UUID], Any], of: str | None = None) -> Callable[[F], F]:
    """Take If-Match: compare it with a GET of the same path. A view without this refuses it.

    ``lock`` is called first, with the id ``of`` the path, or else its last one. It makes every
    other change of what the GET shows wait until the commit.
    """

    def decorator(view: F) -> F:
        setattr(view, _LOCK, (lock, of))
        return view

    return decorator


def takes_if_match(method: str, view: Callable[..., Any]) -> bool:
    """Whether If-Match is compared: by every GET, and by a change that ``locks``."""
    return method == "GET" or hasattr(view, _LOCK)


def tagged(view: F) -> F:
    """Set an ETag on the response to a POST: its body is the same as that of a later GET."""
    setattr(view, TAGGED, True)
    return view


def set_version(*facts: Any) -> None:
    """Make If-Match compare only these facts instead of the whole response.

    For responses with data that changes without a user, as the time of the last fetch.
    """
    g.version = sha256(repr(facts).encode()).hexdigest()[:16]


def set_state(content: bytes) -> None:
    """Make the ETag a weak one, of this content instead of the body.

    For responses with times that say nothing new of what is shown: two with the same tag are
    equivalent, as RFC 9110 has it of weak tags, and not the same byte for byte.
    """
    g.state = content


def require_match() -> None:
    """Raise :class:`PreconditionFailed` if If-Match does not match the current state.

    The current state is the response to a GET of the same path, within the transaction of the
    change. Raises :class:`Invalid` where there is none to compare with, and for If-None-Match: a
    caller who is not refused may rely on the comparison.
    """
    if request.method in {"GET", "HEAD"} or not _has_condition():
        return
    view = current_app.view_functions[request.endpoint or ""]
    declaration = declaration_of(current_app, request.endpoint or "", request.method)
    if declaration is not None and declaration.kind is Kind.WEBHOOK:
        return
    if "If-None-Match" in request.headers:
        raise _refused("If-None-Match", "Only a GET compares it.")
    if not takes_if_match(request.method, view):
        raise _refused("If-Match", "There is nothing to compare it with here.")
    lock, of = getattr(view, _LOCK)
    path_ids = request.view_args or {}
    lock(path_ids[of] if of else [*path_ids.values()][-1])
    answer = make_response(current_app.view_functions[_reading_endpoint()](**path_ids))
    current = _etag(answer)
    quoted = quote_etag(current, _is_weak())
    g.pop("version", None)
    g.pop("state", None)
    if not _matches(current):
        raise PreconditionFailed(f"{_CHANGED} Read it again before you change it.", etag=quoted)


def _has_condition() -> bool:
    return "If-Match" in request.headers or "If-None-Match" in request.headers


def _refused(header: str, why: str) -> Invalid:
    return Invalid("Nothing was changed.", errors={header: [f"{why} Leave this header out."]})


def _matches(current: str) -> bool:
    """Whether If-Match matches the current state; of a state with a version, only the version.

    Weak tags match too, unlike in RFC 9110: a proxy that compresses responses, as nginx does,
    makes every tag weak, and what a weak one of this service leaves out is nothing to overwrite.
    """
    wanted = request.if_match
    if wanted.star_tag:
        return True
    version, dot, _ = current.partition(".")
    tags = [tag for tag in wanted.as_set(include_weak=True) if tag]
    return current in tags or any(dot and tag.startswith(f"{version}.") for tag in tags)


def _reading_endpoint() -> str:
    here = request.url_rule
    for rule in current_app.url_map.iter_rules():
        if here is not None and rule.rule == here.rule and "GET" in (rule.methods or ()):
            return str(rule.endpoint)
    raise LookupError(f"{request.endpoint} takes If-Match and has no GET")


def _etag(answer: Response) -> str:
    body = sha256(g.get("state") or answer.get_data()).hexdigest()[:32]
    version = g.get("version")
    return body if version is None else f"{version}.{body}"


def _is_weak() -> bool:
    return "state" in g


def _validate(response: Response) -> Response:
    if not request.path.startswith("/api/") or response.is_streamed:
        return response
    if request.method in {"GET", "HEAD"} and response.status_code == 200:
        if response.get_etag()[0] is None:
            response.set_etag(_etag(response), _is_weak())
        return _answer_conditions(response)
    if _has_the_new_state(response):
        response.set_etag(_etag(response), _is_weak())
    return response


def _answer_conditions(response: Response) -> Response:
    """If-Match comes first, as RFC 9110 has it; of a match, If-None-Match still makes a 304."""
    etag = response.get_etag()[0] or ""
    if "If-Match" in request.headers and not _matches(etag):
        refusal: Response = render(PreconditionFailed(_CHANGED, etag=response.headers["ETag"]))
        return refusal
    others = {name: value for name, value in request.environ.items() if name != "HTTP_IF_MATCH"}
    response.make_conditional(others)
    return response


def _has_the_new_state(response: Response) -> bool:
    view = current_app.view_functions.get(request.endpoint or "")
    patched = request.method == "PATCH" and response.status_code == 200
    return patched or (response.status_code == 201 and hasattr(view, TAGGED))
