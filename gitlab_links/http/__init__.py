"""What the two HTTP doors share: access, errors, request ids, the one commit."""

from flask import Flask

from gitlab_links.http import (
    access_log,
    conditional,
    guard,
    headers,
    health,
    logins,
    problems,
    rate_limits,
    request_ids,
    transactions,
)


def register(app: Flask) -> None:
    """Add it to the application.

    Flask runs what comes after a response in reverse: the commit is registered last, so
    that a failed one is rendered before headers and validators are put on the answer.
    """
    access_log.register(app)
    request_ids.register(app)
    problems.register(app)
    logins.register(app)
    guard.register(app)
    health.register(app)
    headers.register(app)
    rate_limits.register(app)
    conditional.register(app)
    transactions.register(app)
