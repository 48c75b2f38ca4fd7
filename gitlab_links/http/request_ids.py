"""A request id for every request, in its response and its log lines."""

import re
import uuid

import structlog
from flask import Flask, Response, g, request

_ACCEPTABLE = re.compile(r"[A-Za-z0-9._\-]{8,64}")


def register(app: Flask) -> None:
    """Use the caller's ``X-Request-ID`` if it is well-formed, else create one; send it back."""
    app.before_request(_begin)
    app.after_request(_send_back)


def current_request_id() -> str:
    """The id of the current request."""
    found: str = g.request_id
    return found


def _begin() -> None:
    offered = request.headers.get("X-Request-ID", "")
    g.request_id = offered if _ACCEPTABLE.fullmatch(offered) else uuid.uuid4().hex
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _send_back(response: Response) -> Response:
    if "request_id" in g:
        response.headers["X-Request-ID"] = g.request_id
    return response
