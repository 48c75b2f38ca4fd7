"""One log line for each request: route, status and duration.

It has the ids in the path and what the request has bound, as ``delivery_id`` or the caller's
``user_id`` and ``api_key_id``. It has no query,
no header, no body and no other part of the path, because they may contain secrets.
"""

import uuid
from time import perf_counter

import structlog
from flask import Flask, Response, g, request

# Requested every few seconds by monitoring, and files that every page loads.
QUIET = ("/healthz", "/readyz", "/metrics", "/static/")

log = structlog.get_logger(__name__)


def register(app: Flask) -> None:
    """Write the line when the response is ready; register it before handlers that change it."""
    app.before_request(_begin)
    app.after_request(_write)


def _begin() -> None:
    g.began_at = perf_counter()


def _write(response: Response) -> Response:
    began_at = g.get("began_at")
    write = log.debug if request.path.startswith(QUIET) else log.info
    ids = {
        name: str(value)
        for name, value in (request.view_args or {}).items()
        if isinstance(value, uuid.UUID)
    }
    write(
        "request",
        method=request.method,
        route=None if request.url_rule is None else request.url_rule.rule,
        status=response.status_code,
        ms=None if began_at is None else round((perf_counter() - began_at) * 1000, 1),
        **ids,
    )
    return response
