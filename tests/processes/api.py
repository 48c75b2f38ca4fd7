"""A program that uses the REST API, and patience."""

import time
from collections.abc import Callable
from typing import Any

import requests


class Api:
    """JSON in, JSON out; a status that is not expected fails the test with what was said."""

    def __init__(self, url: str, key: str) -> None:
        self._url = f"{url}/api"
        self._headers = {"Authorization": f"Bearer {key}"}

    def get(self, path: str) -> Any:
        return self._call("GET", path, None, 200)

    def post(self, path: str, body: Any, status: int = 201) -> Any:
        return self._call("POST", path, body, status)

    def patch(self, path: str, body: Any) -> Any:
        return self._call("PATCH", path, body, 200)

    def _call(self, method: str, path: str, body: Any, status: int) -> Any:
        answer = requests.request(
            method, self._url + path, json=body, headers=self._headers, timeout=10
        )
        assert answer.status_code == status, answer.text
        return answer.json()


def within(seconds: float, look: Callable[[], Any], wanted: Any) -> float:
    """Wait until ``look()`` gives ``wanted``; returns the seconds that took, or fails."""
    started = time.monotonic()
    while (seen := look()) != wanted:
        assert time.monotonic() - started < seconds, f"after {seconds} s: {seen} != {wanted}"
        time.sleep(0.05)
    return time.monotonic() - started
