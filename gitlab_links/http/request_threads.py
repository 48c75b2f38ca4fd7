"""gunicorn's threads in lanes, so that probes and webhooks do not wait behind slow requests.

All threads of a process may be waiting for a locked table or a slow GitLab. But GitLab gives up
on a webhook after 10 s and does not resend it, and monitoring restarts a process whose probe
fails.
"""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from enum import Enum
from typing import Any

# Together with gunicorn's ``threads`` no more than the database connections of a process.
WEBHOOK_THREADS = 4
WEBHOOK_PATH = b"/integrations/gitlab/webhook"
PROBE_PATH = b"/healthz"
PEEKED_BYTES = 4096
# The kernel passes on a connection when its first bytes have arrived, or after so many seconds.
FIRST_BYTES_SECONDS = 5

_current = threading.local()


class Lane(Enum):
    """The kind of a request, by its first line."""

    PROBE = "probe"
    WEBHOOK = "webhook"
    OTHER = "other"


def seconds_waited() -> float:
    """How long the current request has waited for its thread; 0 outside gunicorn."""
    waited: float = getattr(_current, "seconds_waited", 0.0)
    return waited


def lane_of(head: bytes) -> Lane:
    """The lane of a request with these first bytes.

    A probe must be complete to count as one: a client that stops in the middle would block the
    only thread for probes.
    """
    method, _, rest = head.partition(b" ")
    path = rest.partition(b" ")[0].partition(b"?")[0]
    if method in {b"GET", b"HEAD"} and path.endswith(PROBE_PATH) and b"\r\n\r\n" in head:
        return Lane.PROBE
    if method == b"POST" and path.endswith(WEBHOOK_PATH):
        return Lane.WEBHOOK
    return Lane.OTHER


class RequestThreads(ThreadPoolExecutor):
    """Replaces the thread pool of a gunicorn worker."""

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        self._lanes = {
            Lane.PROBE: ThreadPoolExecutor(1),
            Lane.WEBHOOK: ThreadPoolExecutor(WEBHOOK_THREADS),
        }

    def submit(  # type: ignore[override]
        self, handle: Callable[[Any], Any], connection: Any, /
    ) -> Future[Any]:
        """Handle the connection's next request in a thread of its lane."""
        lane = self._lanes.get(lane_of(_first_bytes(connection.sock)))
        submit = super().submit if lane is None else lane.submit
        return submit(_handle, handle, connection, time.monotonic())

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Shut down all lanes."""
        for lane in self._lanes.values():
            lane.shutdown(wait, cancel_futures=cancel_futures)
        super().shutdown(wait, cancel_futures=cancel_futures)


def install(worker: Any) -> None:
    """Replace the threads of a gunicorn ``gthread`` worker before it accepts connections."""
    worker.tpool.shutdown(wait=False)
    worker.tpool = RequestThreads(worker.cfg.threads)
    for listener in worker.sockets:
        _accept_with_first_bytes(listener)


def _handle(handle: Callable[[Any], Any], connection: Any, submitted_at: float) -> Any:
    _current.seconds_waited = time.monotonic() - submitted_at
    return handle(connection)


def _first_bytes(connection: socket.socket) -> bytes:
    """The bytes that have arrived, without consuming them; empty if there are none."""
    try:
        return connection.recv(PEEKED_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except (OSError, ValueError):
        return b""


def _accept_with_first_bytes(listener: Any) -> None:
    """Accept a connection only when its first line has arrived; Linux and TCP only."""
    option = getattr(socket, "TCP_DEFER_ACCEPT", None)
    if option is not None and listener.sock.family in {socket.AF_INET, socket.AF_INET6}:
        listener.sock.setsockopt(socket.IPPROTO_TCP, option, FIRST_BYTES_SECONDS)
