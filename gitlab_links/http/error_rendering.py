"""Rendering every error as a response: problem+json for programs, a page for people."""

import html
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, current_app, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import BadHost, HTTPException, MethodNotAllowed

from gitlab_links.errors import DomainError, NotFound, PreconditionFailed
from gitlab_links.extensions import db
from gitlab_links.storage.database import is_orphan

RETRY_SECONDS = 5
PROBES = frozenset({"/healthz", "/readyz"})

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """An error in the form of RFC 9457, with this service's stable ``code``."""

    status: int
    code: str
    detail: str
    errors: dict[str, list[str]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    former_code: str | None = None
    members: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The standard phrase of the status."""
        return HTTPStatus(self.status).phrase

    def as_json(self) -> dict[str, Any]:
        """The members of the problem document."""
        members = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        optional = {"former_code": self.former_code, "errors": self.errors, **self.members}
        return members | {name: value for name, value in optional.items() if value}


PageRenderer = Callable[[Problem], Any]

_PAGE_RENDERER = "problem_page"

_HTTP_CODES = {
    400: "bad_request",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    412: "precondition_failed",
    413: "body_too_large",
    415: "unsupported_media_type",
    422: "validation_error",
    429: "rate_limited",
}


def register(app: Flask) -> None:
    """Render every error of the application here."""
    app.register_error_handler(Exception, render)


def use_page_renderer(app: Flask, renderer: PageRenderer) -> None:
    """Render errors on pages with ``renderer``, a callable like a view.

    It may return anything a view may, such as a redirect to the login for a 401. It must not
    use the database, which may be what failed.
    """
    app.extensions[_PAGE_RENDERER] = renderer


def render(error: Exception) -> Any:
    """The response to an error. The transaction is rolled back first."""
    if isinstance(error, HTTPException) and (error.code is None or error.response is not None):
        return error
    db.session.rollback()
    problem = problem_of(error)
    if wants_json():
        return _json_response(problem)
    answer = current_app.make_response(_page(problem))
    answer.headers.update(problem.headers)
    return answer


def problem_of(error: Exception) -> Problem:
    """The problem of an error; an unexpected error is logged, and shown without details."""
    if isinstance(error, DomainError):
        headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
        if error.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
        if isinstance(error, PreconditionFailed) and error.etag is not None:
            headers["ETag"] = error.etag
        return Problem(
            error.status,
            error.code,
            error.detail,
            error.errors,
            headers,
            error.former_code,
            error.members,
        )
    if isinstance(error, CSRFError):
        return Problem(403, "csrf_failed", f"{error.description} Send it as X-CSRFToken.")
    if isinstance(error, HTTPException):
        return _http_problem(error)
    if (failed := _database_problem(error)) is not None:
        return failed
    if _is_garbled(error):
        return Problem(400, "bad_request", "The body's HTTP framing is malformed.")
    log.error("request.failed", exc_info=error)
    return Problem(500, "internal_error", "Something went wrong here. It has been logged.")


def wants_json() -> bool:
    """Whether the response should be JSON: for the API, for probes, or by the headers.

    Whoever sends a key is a program, which would save the page of the login as its file.
    """
    if is_api_path(request.path) or request.path in PROBES or "Authorization" in request.headers:
        return True
    best = request.accept_mimetypes.best_match(
        ["text/html", "application/json", "application/problem+json"]
    )
    return best is not None and best != "text/html"


def is_api_path(path: str) -> bool:
    """Whether the path belongs to the API; all others are pages."""
    return f"{path}/".startswith("/api/")


def _http_problem(error: HTTPException) -> Problem:
    status = error.code or 500
    detail = error.description or HTTPStatus(status).phrase
    if status == HTTPStatus.NOT_FOUND:
        detail = NotFound().detail  # the same text for an unknown path and an unknown id
    headers = {}
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        headers["Allow"] = ", ".join(sorted(error.valid_methods))
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return Problem(status, _HTTP_CODES.get(status, "http_error"), detail, headers=headers)


def _database_problem(error: Exception) -> Problem | None:
    """What may be tried again: the database does not answer, or somebody else was faster."""
    if _is_outage(error):
        log.error("database.unavailable", error=repr(error))
        detail = "The database does not answer. Nothing was changed. Try again in a few seconds."
        return Problem(503, "unavailable", detail, headers={"Retry-After": str(RETRY_SECONDS)})
    if is_orphan(error):
        log.warning("request.orphan", error=repr(error))
        detail = (
            "What this belongs to was deleted or replaced at the same moment. Nothing was changed. "
            "Try again."
        )
        return Problem(503, "unavailable", detail, headers={"Retry-After": "1"})
    return None


def _is_outage(error: Exception) -> bool:
    if isinstance(error, OperationalError | InterfaceError | PoolTimeout):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _is_garbled(error: Exception) -> bool:
    """Whether gunicorn could not read the body because its chunks are malformed."""
    # gunicorn has imported it already; other processes should not pay for it at start.
    from gunicorn.http.errors import ParseException

    return isinstance(error, ParseException)


def _json_response(problem: Problem) -> Response:
    return Response(
        json.dumps(problem.as_json(), ensure_ascii=False),
        status=problem.status,
        headers=problem.headers,
        content_type="application/problem+json",
    )


def _page(problem: Problem) -> Any:
    renderer: PageRenderer | None = current_app.extensions.get(_PAGE_RENDERER)
    # A page has links, which cannot be made from a bad Host header.
    if renderer is not None and not isinstance(request.routing_exception, BadHost):
        try:
            return renderer(problem)
        except Exception:
            log.exception("problem_page.failed")
    return Response(
        f"<!doctype html><title>{problem.title}</title><h1>{problem.title}</h1>"
        f"<p>{html.escape(problem.detail)}</p>",
        status=problem.status,
        content_type="text/html; charset=utf-8",
    )
