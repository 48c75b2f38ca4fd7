"""Serving under the path of ``PUBLIC_BASE_URL``, as ``https://example.com/links``."""

from collections.abc import Callable, Iterable
from typing import Any

from flask import request

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Mounted:
    """WSGI middleware: every generated URL begins with ``path``.

    The proxy may pass the path on or remove it. Requests without it, such as probes, are
    answered too. ``X-Forwarded-Prefix`` is ignored.
    """

    def __init__(self, app: Wsgi, path: str) -> None:
        self._app = app
        self._path = path

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Move the path from ``PATH_INFO`` to ``SCRIPT_NAME``."""
        asked: str = environ.get("PATH_INFO", "")
        if asked == self._path or asked.startswith(f"{self._path}/"):
            environ["PATH_INFO"] = asked[len(self._path) :] or "/"
        environ["SCRIPT_NAME"] = self._path
        return self._app(environ, start_response)


def path_here() -> str:
    """The path of the current request as :func:`flask.url_for` returns it."""
    return f"{request.script_root}{request.path}"


def address_here() -> str:
    """The same, with its query."""
    return f"{request.script_root}{request.full_path}".rstrip("?")
