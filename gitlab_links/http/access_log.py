"""One line for each request: what was asked, how it ended, and how long that took.

The route and the ids in the address; no query, no header, no body and no other part of the
address: they may hold secrets. What the request has bound, as ``delivery_id``, is in it too.
"""

import uuid
from time import perf_counter

import structlog
from flask import Flask, Response, g, request

# Asked every few seconds by machines, and files that every page loads.
QUIET = ("/healthz", "/readyz", "/metrics", "/static/")

log = structlog.get_logger(__name__)


def register(app: Flask) -> None:
    """Write the line when the answer is ready; register it before whatever may change that."""
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
