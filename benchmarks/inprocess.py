"""Requests handed to an application within this process: nothing but its own CPU counts."""

import gc
import io
import sys
import time
from collections.abc import Callable
from typing import Any

from flask import Flask

Environ = dict[str, Any]


class NotAnswered(Exception):
    """An answer that is no success."""


def get(app: Flask, path: str, query: str = "", **headers: str) -> bytes:
    """One GET, from the environment to the last byte of the body."""
    environ: Environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "HTTP_HOST": "127.0.0.1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    statuses: list[str] = []
    answer = app(environ, lambda status, _headers, _error=None: statuses.append(status))
    body = b"".join(answer)
    close = getattr(answer, "close", None)
    if close is not None:
        close()
    if not statuses[0].startswith("200"):
        raise NotAnswered(f"{path}: {statuses[0]} {body[:500]!r}")
    return body


def cpu_of(contenders: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Milliseconds of CPU of each, the mean of so many rounds in turns, warmed up before.

    What is there already is not looked at for garbage again and again, as in a web process:
    in turns, that would always meet the same one.
    """
    gc.collect()
    gc.freeze()
    spent = dict.fromkeys(contenders, 0.0)
    for number in range(-max(rounds // 10, 2), rounds):
        for name, run in contenders.items():
            before = time.process_time()
            run()
            if number >= 0:
                spent[name] += time.process_time() - before
    return {name: seconds / rounds * 1000 for name, seconds in spent.items()}
