"""What the server does to a request before Flask sees it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes, urlsplit

from gitlab_links.demo.gitlab.state import GitLabState

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Stands in for an encoded slash within a path segment; no URL can hold it otherwise.
ENCODED_SLASH = "\x1f"


class Instance:
    """Says to the application which of the instances that it serves is meant."""

    KEY = "gitlab_links.simulated_gitlab"

    def __init__(self, app: "WSGIApplication", state: GitLabState) -> None:
        self._app = app
        self._state = state

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        environ[self.KEY] = self._state
        return self._app(environ, start_response)


class EncodedSlashes:
    """Keeps ``acme%2Fshop`` one segment: WSGI decodes it into two.

    So does a proxy before GitLab that is set up wrongly (``decodes_slashes``).
    """

    def __init__(self, app: "WSGIApplication", state: GitLabState) -> None:
        self._app = app
        self._state = state

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        path = urlsplit(environ.get("RAW_URI", "")).path
        if "%2f" in path.lower() and not self._state.decodes_slashes:
            marked = path.replace("%2F", "%1F").replace("%2f", "%1F")
            environ["PATH_INFO"] = unquote_to_bytes(marked).decode("latin-1")
        return self._app(environ, start_response)


class RelativeRoot:
    """Serves the application under a path such as ``/gitlab`` and nothing beside it."""

    def __init__(self, app: "WSGIApplication", root: str) -> None:
        self._app = app
        self._root = root.rstrip("/")

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == self._root or path.startswith(f"{self._root}/"):
            environ["SCRIPT_NAME"] += self._root
            environ["PATH_INFO"] = path.removeprefix(self._root) or "/"
            return self._app(environ, start_response)
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"Nothing here: this GitLab lives under " + self._root.encode() + b"\n"]
