"""Wrong answers, each as a broken or overloaded GitLab would give it."""

import gzip
import socket
import time
from collections.abc import Callable, Iterator
from functools import cache

from flask import Response, jsonify, redirect, request
from werkzeug.wrappers import Response as WerkzeugResponse

from gitlab_links.demo.gitlab.faults import Fault

MEBIBYTE = 1024 * 1024
LARGE_BYTES = 10 * MEBIBYTE
BOMB_MEMBERS = 100
DRIP_BYTES = 10_000

MESSAGES = {
    401: "401 Unauthorized",
    403: "403 Forbidden",
    404: "404 Not found",
    409: "409 Conflict",
    500: "500 Internal Server Error",
}
GATEWAY_PAGE = (
    "<!DOCTYPE html><html><head><title>GitLab is not responding (502)</title></head>"
    "<body><h1>502</h1><h3>Whoops, GitLab is taking too much time to respond.</h3></body></html>"
)
SIGN_IN_PAGE = (
    "<!DOCTYPE html><html><head><title>Sign in · GitLab</title></head>"
    "<body><h1>GitLab</h1><form><label>Username <input></label></form></body></html>"
)


def misbehave(fault: Fault) -> WerkzeugResponse | None:
    """The answer a fault gives; ``None`` for one that spoils the true answer afterwards."""
    answers: dict[str, Callable[[], WerkzeugResponse]] = {
        "status": lambda: _status(fault),
        "html": lambda: Response(SIGN_IN_PAGE, mimetype="text/html"),
        "empty": lambda: Response(b"", mimetype="application/json"),
        "large": lambda: Response(_large(), mimetype="application/json"),
        "gzip_bomb": _gzip_bomb,
        "drip": lambda: Response(_drip(fault.seconds), mimetype="application/json"),
        "close": _close,
        "redirect": lambda: redirect(fault.location or request.url, 302),
    }
    answer = answers.get(fault.kind)
    return answer() if answer else None


def spoil(fault: Fault, response: Response) -> None:
    """Cut a true answer in half."""
    if fault.kind == "truncated":
        body = response.get_data()
        response.set_data(body[: max(1, len(body) // 2)])


def too_many_requests(retry_after: str | None) -> Response:
    """GitLab's own 429, in plain text."""
    response = Response("Retry later\n", status=429, mimetype="text/plain")
    response.headers["RateLimit-Name"] = "throttle_authenticated_api"
    if retry_after is not None:
        response.headers["Retry-After"] = retry_after
    return response


def _status(fault: Fault) -> Response:
    if fault.status == 429:
        return too_many_requests(fault.retry_after)
    if fault.status in MESSAGES:
        response = jsonify({"message": MESSAGES[fault.status]})
        response.status_code = fault.status
    else:
        response = Response(GATEWAY_PAGE, status=fault.status, mimetype="text/html")
    if fault.retry_after is not None:
        response.headers["Retry-After"] = fault.retry_after
    return response


@cache
def _large() -> bytes:
    return b'[{"padding":"' + b"x" * LARGE_BYTES + b'"}]'


@cache
def _bomb_member() -> bytes:
    return gzip.compress(b" " * (10 * MEBIBYTE))


def _gzip_bomb() -> Response:
    """A gibibyte of spaces in a megabyte."""
    response = Response(_bomb_member() * BOMB_MEMBERS, mimetype="application/json")
    response.headers["Content-Encoding"] = "gzip"
    return response


def _drip(seconds: float) -> Iterator[bytes]:
    yield b"["
    for _ in range(DRIP_BYTES):
        time.sleep(seconds)
        yield b" "
    yield b"]"


def _close() -> Response:
    connection = request.environ.get("werkzeug.socket")
    if isinstance(connection, socket.socket):
        connection.shutdown(socket.SHUT_RDWR)
    return Response(b"", status=500)
