"""The limit of requests per minute and API key, with ``RateLimit-*`` headers."""

from flask import Flask, Response, g

from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.throttle import Quota, count_use
from gitlab_links.errors import RateLimited
from gitlab_links.extensions import settings

WINDOW_SECONDS = 60


def register(app: Flask) -> None:
    """Set the headers on responses to callers with a key."""
    app.after_request(_set_headers)


def count(principal: Principal) -> None:
    """Count one request of an API key; raises :class:`RateLimited` beyond the limit."""
    quota = count_use(f"api:{principal.api_key_id}", settings().api_rate_limit, WINDOW_SECONDS)
    g.quota = quota
    if quota.exceeded:
        raise RateLimited(
            f"This API key may send {quota.limit} requests a minute.",
            retry_after=quota.reset_seconds,
        )


def _set_headers(response: Response) -> Response:
    quota: Quota | None = g.get("quota")
    if quota is not None:
        response.headers["RateLimit-Limit"] = str(quota.limit)
        response.headers["RateLimit-Remaining"] = str(quota.remaining)
        response.headers["RateLimit-Reset"] = str(quota.reset_seconds)
    return response
