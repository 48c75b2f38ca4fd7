"""A program's view of the service: the REST API with a key. Also for tests and benchmarks."""

from typing import Any

import requests

from gitlab_links.local.foreground import StartFailed

TIMEOUT_SECONDS = 30


class ApiRefused(StartFailed):
    """The service did not do it; the message has its status and words."""


class RestApi:
    """JSON in, JSON out, below ``/api``."""

    def __init__(self, url: str, key: str) -> None:
        self._url = f"{url}/api"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {key}"

    def get(self, path: str, **query: str | int) -> Any:
        """Read; like the others it raises :class:`ApiRefused` unless the answer is a 2xx."""
        return self._call("GET", path, params=query)

    def post(self, path: str, body: Any) -> Any:
        """Make or do something."""
        return self._call("POST", path, json=body)

    def patch(self, path: str, body: Any) -> Any:
        """Change something."""
        return self._call("PATCH", path, json=body)

    def delete(self, path: str) -> None:
        """Remove something."""
        self._call("DELETE", path)

    def _call(self, method: str, path: str, **what: Any) -> Any:
        answer = self._session.request(method, self._url + path, timeout=TIMEOUT_SECONDS, **what)
        if not 200 <= answer.status_code < 300:
            raise ApiRefused(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None
