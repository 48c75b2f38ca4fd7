"""The service under a path, as ``https://example.com/links``: the one in ``PUBLIC_BASE_URL``."""

from collections.abc import Callable, Iterable
from typing import Any

from flask import request

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Mounted:
    """WSGI middleware: every address that is made begins with ``path``.

    The proxy may leave the path in what it passes on, or take it away. Requests without it,
    as a probe's to the process itself, are answered as well. What a client claims in
    ``X-Forwarded-Prefix`` counts for nothing.
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
    """The path of the present request as :func:`flask.url_for` gives it."""
    return f"{request.script_root}{request.path}"


def address_here() -> str:
    """The same, with its query."""
    return f"{request.script_root}{request.full_path}".rstrip("?")
