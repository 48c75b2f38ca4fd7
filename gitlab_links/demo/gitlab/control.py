"""The control API: makes things happen from another process.

``POST /-/sim/<operation>`` with a JSON object; ``GET /-/sim/`` lists the operations. Only
for callers on this machine, and never for a page of another origin.
"""

import dataclasses
import ipaddress
from typing import Any

from flask import Blueprint, abort, request

from gitlab_links.demo.gitlab.control_operations import OPERATIONS
from gitlab_links.demo.gitlab.current import state


def create_control() -> Blueprint:
    """All routes under ``/-/sim``."""
    control = Blueprint("control", __name__, url_prefix="/-/sim")
    control.before_request(_refuse_strangers)
    control.get("/")(index)
    control.get("/calls")(calls)
    control.post("/<operation>")(operate)
    return control


def index() -> dict[str, Any]:
    """Every operation with what it takes."""
    return {"operations": {name: f.__doc__ for name, f in sorted(OPERATIONS.items())}}


def calls() -> dict[str, Any]:
    """API calls by method, route and project since the last reset."""
    counts = state().calls.counts()
    listed = [dataclasses.asdict(call) | {"count": count} for call, count in counts.items()]
    return {"total": sum(counts.values()), "calls": listed}


def operate(operation: str) -> tuple[dict[str, Any], int]:
    """Run one operation; 400 with the reason when its input does not fit."""
    if operation not in OPERATIONS:
        abort(404)
    arguments = request.get_json(silent=True)
    if not isinstance(arguments, dict):
        return {"error": "send a JSON object"}, 400
    try:
        return OPERATIONS[operation](state(), arguments), 200
    except KeyError as missing:
        return {"error": f"missing or unknown: {missing.args[0]!r}"}, 400
    except (TypeError, ValueError, AttributeError) as problem:
        return {"error": str(problem)}, 400


def same_origin() -> bool:
    """Whether a browser sends this from a page of this server; other clients say nothing."""
    origin = request.headers.get("Origin")
    return origin is None or origin == request.host_url.rstrip("/")


def _refuse_strangers() -> None:
    address = ipaddress.ip_address(request.remote_addr or "0.0.0.0")  # noqa: S104
    if not address.is_loopback or not same_origin():
        abort(403)
