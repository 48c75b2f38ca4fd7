"""rq-dashboard under ``/ops/rq``: behind our login, with our CSRF check, on our serializer.

It runs as a separate application inside this one, because it has no login, requeues on GET,
unpickles what it finds in Redis and runs inline scripts. The view here is the only way to it.
"""

import secrets
from typing import cast
from urllib.parse import urlsplit

from flask import Response, current_app, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf.csrf import generate_csrf
from redis.exceptions import RedisError

from gitlab_links.accounts.operators import is_operator
from gitlab_links.errors import DomainError, Forbidden, NotFound
from gitlab_links.http.access import signed_in
from gitlab_links.pages.assets import asset_url
from gitlab_links.pages.blueprint import pages

MOUNT = "/ops/rq"
CSRF_COOKIE = "_csrf_token"  # the dashboard's script reads it there


class QueuesUnavailable(DomainError, status=503, code="unavailable"):
    """Redis does not answer (503)."""


@pages.route(f"{MOUNT}/", defaults={"path": ""}, methods=["GET", "POST"])
@pages.route(f"{MOUNT}/<path:path>", methods=["GET", "POST"])
@signed_in
def queues(path: str) -> ResponseReturnValue:
    """Pass a request on to the dashboard."""
    # The dashboard can delete any job, and jobs belong to all orgs.
    if not is_operator(current_user.user_id, current_user.email):
        raise Forbidden("The queues contain jobs of all orgs. Only an operator may open them.")
    if request.method == "POST":
        _check_origin()
    elif path.startswith(("requeue/", "queue/", "job/")):
        return redirect(url_for("pages.queues"))  # a GET must not change anything
    answer = _from_dashboard(path)
    if request.method == "GET" and answer.mimetype == "text/html":
        return _secured(answer)
    return answer


def _check_origin() -> None:
    """In addition to the CSRF token: a POST must name a page of this service as its origin."""
    origin = request.headers.get("Origin")
    same_site = request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
    if origin is None or urlsplit(origin).netloc != request.host or not same_site:
        raise Forbidden("This request did not come from a page of this service.")


def _from_dashboard(path: str) -> Response:
    from gitlab_links.pages.operators.dashboard_app import UNKNOWN, dashboard, use_present_redis

    environ = dict(request.environ)
    environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + MOUNT
    environ["PATH_INFO"] = f"/{path}"
    app = dashboard()
    use_present_redis(app)
    try:
        return cast(Response, Response.from_app(app, environ))
    except RedisError:
        raise QueuesUnavailable("Redis does not answer.", retry_after=5) from None
    except UNKNOWN:
        raise NotFound from None


def _framed(html: str) -> str:
    """With a link back to the tasks, and a style sheet for narrow screens."""
    sheet = f'<link rel="stylesheet" href="{asset_url("queues.css")}">'
    back = f'<a href="{url_for("pages.root")}">Back to the tasks</a>'
    bar = f'<nav class="way-back" aria-label="gitlab_links">{back}</nav>'
    html = html.replace("</head>", f"{sheet}</head>", 1)
    return html.replace("<body>", f"<body>{bar}", 1)


def _secured(answer: Response) -> Response:
    """Allow only its own inline script, and set the cookie with the CSRF token."""
    nonce = secrets.token_urlsafe(16)
    html = answer.get_data(as_text=True).replace(
        '<script type="text/javascript">', f'<script nonce="{nonce}">'
    )
    response = make_response(_framed(html), answer.status_code)
    response.headers["Cache-Control"] = "no-store"
    # underscore.js compiles its templates; the tables carry style attributes.
    response.headers["Content-Security-Policy"] = "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' 'nonce-{nonce}' 'unsafe-eval'",
            "style-src 'self'",
            "style-src-attr 'unsafe-inline'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "form-action 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )
    response.set_cookie(
        CSRF_COOKIE,
        generate_csrf(),
        path=f"{request.script_root}{MOUNT}",
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        samesite="Strict",
    )
    return response
