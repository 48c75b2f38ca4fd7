"""The responses of each operation, derived from its declaration."""

from collections.abc import Callable
from typing import Any

from gitlab_links.accounts.answered_requests import RequestInProgress
from gitlab_links.api.blueprints import REFUSALS, TAKES_QUERY
from gitlab_links.api.contract_components import (
    RATE_HEADERS,
    REQUEST_ID,
    RETRY,
    problem_response,
)
from gitlab_links.errors import DomainError
from gitlab_links.http.access import Declaration, Kind
from gitlab_links.http.conditional import TAGGED, takes_if_match

Json = dict[str, Any]

_BODY = {
    400: "BadRequest",
    413: "BodyTooLarge",
    415: "UnsupportedMediaType",
}
# What a worker goes on with: its address is in Location.
_TO_POLL = ("/OperationEnvelope", "/BackfillEnvelope")
# Error codes that every operation can have.
_ANY_OPERATION = {429: ("rate_limited",), 503: ("unavailable",)}


def responses_of(
    method: str, declaration: Declaration, view: Callable[..., Any], gathered: Json
) -> Json:
    """All responses by status: success first, then the errors."""
    succeeding = {
        status: _success(method, declaration, status, response, tagged=hasattr(view, TAGGED))
        for status, response in gathered["responses"].items()
        if status.startswith("2")
    }
    named = {422: "Invalid", 503: "Unavailable", **_refusals_of_access(declaration)}
    if method != "GET":
        named.update(_BODY)
    if declaration.kind is Kind.WEBHOOK:
        del named[422]
    if method == "GET":
        named[304] = "NotModified"
    if takes_if_match(method, view):
        named[412] = "PreconditionFailed"
    if hasattr(view, TAKES_QUERY):
        named[414] = "UriTooLong"
    failing = {
        str(status): {"$ref": f"#/components/responses/{name}"} for status, name in named.items()
    }
    may_repeat = method == "POST" and declaration.kind is Kind.ORG
    common = (RequestInProgress,) if may_repeat else ()
    failing.update(_own_refusals((*getattr(view, REFUSALS, ()), *common)))
    return {**succeeding, **dict(sorted(failing.items()))}


def _refusals_of_access(declaration: Declaration) -> dict[int, str]:
    if declaration.kind is Kind.WEBHOOK:
        return {403: "NotAuthentic", 404: "NotFound"}
    if declaration.kind is Kind.PUBLIC:
        return {}
    found = {401: "Unauthorized", 429: "RateLimited"}
    if declaration.kind is Kind.ORG:
        found.update({403: "Forbidden", 404: "NotFound"})
    return found


def _success(
    method: str, declaration: Declaration, status: str, response: Json, *, tagged: bool
) -> Json:
    headers = dict(REQUEST_ID)
    if method in {"GET", "PATCH"} or tagged:
        headers["ETag"] = {"$ref": "#/components/headers/ETag"}
    if status == "201" or (status == "202" and any(one in str(response) for one in _TO_POLL)):
        headers["Location"] = {"$ref": "#/components/headers/Location"}
    if declaration.kind in {Kind.ORG, Kind.SIGNED_IN}:
        headers.update(RATE_HEADERS)
    return {**response, "headers": headers}


def _own_refusals(errors: tuple[type[DomainError], ...]) -> Json:
    by_status: dict[int, list[type[DomainError]]] = {}
    for error in errors:
        by_status.setdefault(int(error.status), []).append(error)
    return {
        str(status): problem_response(
            status,
            " ".join(
                f"`{one.code}`: {(one.__doc__ or '').strip().splitlines()[0]}" for one in group
            ),
            *dict.fromkeys(one.code for one in group),
            *_ANY_OPERATION.get(status, ()),
            headers=RETRY if status in _ANY_OPERATION else None,
        )
        for status, group in by_status.items()
    }
