"""What pages and API share: access, errors, request ids, and the transaction of a request."""

from flask import Flask


def register(app: Flask) -> None:
    """Add the handlers to the application.

    Flask runs ``after_request`` handlers in reverse order. The commit is registered last, so
    that a failed commit is rendered before headers and ETags are set.
    """
    # Here, because workers import modules of this package and need none of these.
    from gitlab_links.http import (
        access_log,
        conditional,
        error_rendering,
        guard,
        headers,
        logins,
        probes,
        rate_limits,
        request_ids,
        transactions,
    )

    access_log.register(app)
    request_ids.register(app)
    error_rendering.register(app)
    logins.register(app)
    guard.register(app)
    probes.register(app)
    headers.register(app)
    rate_limits.register(app)
    conditional.register(app)
    transactions.register(app)
