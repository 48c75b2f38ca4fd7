"""The API's blueprint: what every call goes through before and after its route."""

import re
from email.utils import formatdate
from typing import Any

from flask import Blueprint, Response, g, request
from werkzeug.wrappers import Response as WerkzeugResponse

from gitlab_links.demo.gitlab.current import state
from gitlab_links.demo.gitlab.rest import account, graphql, group_hooks, hooks, integrations, items
from gitlab_links.demo.gitlab.rest.access import authenticate, presented_token, spelled
from gitlab_links.demo.gitlab.rest.errors import (
    ApiError,
    Moved,
    render,
    render_graphql,
    render_moved,
)
from gitlab_links.demo.gitlab.rest.misbehaviour import misbehave, spoil, too_many_requests

CONVERTER = re.compile(r"<(?:\w+(?:\(([^)]*)\))?:)?(\w+)>")
NAMES = {"key": "id"}


def create_rest() -> Blueprint:
    """All routes under ``/api/v4``."""
    rest = Blueprint("rest", __name__, url_prefix="/api/v4")
    for routes in (account, items, hooks, group_hooks, integrations):
        routes.register(rest)
    rest.route(
        "/<path:unknown>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], endpoint="unknown"
    )(_unknown)
    rest.before_request(_receive)
    rest.after_request(_label)
    rest.register_error_handler(ApiError, render)
    rest.register_error_handler(Moved, render_moved)
    return rest


def create_graphql() -> Blueprint:
    """GraphQL, which is beside the REST API and goes through the same."""
    api = Blueprint("graphql", __name__, url_prefix="/api")
    graphql.register(api)
    api.before_request(_receive)
    api.after_request(_label)
    api.register_error_handler(ApiError, render_graphql)
    return api


def _unknown(**_path: str) -> tuple[dict[str, Any], int]:
    return {"error": "404 Not Found"}, 404


def _receive() -> WerkzeugResponse | None:
    """Count, delay, perhaps misbehave or throttle, and only then ask who it is."""
    here, route, token = state(), _route(), presented_token()
    project_id = _project_id()
    here.calls.record(request.method, route, project_id)
    g.quota = here.calls.charge(token or request.remote_addr or "")
    here.faults.delay()
    g.fault = here.faults.take(route, project_id)
    if g.fault and (answer := misbehave(g.fault)):
        return answer
    if g.quota.exceeded:
        return too_many_requests(str(g.quota.seconds_left))
    authenticate()
    return None


def _label(response: Response) -> Response:
    """Give every answer its rate-limit headers, and spoil it where a fault says so."""
    quota = g.get("quota")
    if quota:
        throttled = response.status_code == 429
        response.headers["RateLimit-Limit"] = str(quota.limit)
        response.headers["RateLimit-Observed"] = str(quota.observed)
        response.headers["RateLimit-Remaining"] = "0" if throttled else str(quota.remaining)
        response.headers["RateLimit-Reset"] = str(quota.reset)
        response.headers["RateLimit-ResetTime"] = formatdate(quota.reset, usegmt=True)
    if g.get("fault"):
        spoil(g.fault, response)
    elif (rewrite := state().faults.rewrite) is not None:
        rewrite(response)
    return response


def _route() -> str:
    """The route as GitLab's documentation writes it: ``/projects/:id/issues/:iid``."""
    rule = request.url_rule.rule if request.url_rule else request.path
    spelled_out = CONVERTER.sub(lambda match: match[1] or f":{NAMES.get(match[2], match[2])}", rule)
    return spelled_out.removeprefix("/api/v4").removeprefix("/api")


def _project_id() -> int | None:
    key = (request.view_args or {}).get("key")
    if key is None:
        return None
    project, _ = state().projects.find(spelled(key))
    return project.id if project else None
