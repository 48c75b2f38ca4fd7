"""gunicorn's threads in lanes: neither a probe nor a webhook waits behind slow requests.

All threads of a process may wait for a locked table or a slow GitLab. GitLab gives up on a
webhook after 10 s and does not send it again, and a monitor restarts what does not answer.
"""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from enum import Enum
from typing import Any

# With gunicorn's ``threads`` no more than the connections that a process may open.
WEBHOOK_THREADS = 4
WEBHOOK_PATH = b"/integrations/gitlab/webhook"
PROBE_PATH = b"/healthz"
PEEKED_BYTES = 4096
# The kernel hands over a connection when its first bytes are there, or after so many seconds.
FIRST_BYTES_SECONDS = 5

_current = threading.local()


class Lane(Enum):
    """What a request is, by its first line."""

    PROBE = "probe"
    WEBHOOK = "webhook"
    OTHER = "other"


def seconds_waited() -> float:
    """How long the present request has waited for its thread; 0 outside of gunicorn."""
    waited: float = getattr(_current, "seconds_waited", 0.0)
    return waited


def lane_of(head: bytes) -> Lane:
    """The lane of a request whose first bytes these are.

    A probe counts as one only when it is complete: a sender who stops in the middle would keep
    the one thread for probes.
    """
    method, _, rest = head.partition(b" ")
    path = rest.partition(b" ")[0].partition(b"?")[0]
    if method in {b"GET", b"HEAD"} and path.endswith(PROBE_PATH) and b"\r\n\r\n" in head:
        return Lane.PROBE
    if method == b"POST" and path.endswith(WEBHOOK_PATH):
        return Lane.WEBHOOK
    return Lane.OTHER


class RequestThreads(ThreadPoolExecutor):
    """In place of a gunicorn worker's thread pool."""

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        self._lanes = {
            Lane.PROBE: ThreadPoolExecutor(1),
            Lane.WEBHOOK: ThreadPoolExecutor(WEBHOOK_THREADS),
        }

    def submit(  # type: ignore[override]
        self, handle: Callable[[Any], Any], connection: Any, /
    ) -> Future[Any]:
        """Have a thread of the connection's lane handle its next request."""
        lane = self._lanes.get(lane_of(_first_bytes(connection.sock)))
        submit = super().submit if lane is None else lane.submit
        return submit(_handle, handle, connection, time.monotonic())

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Of all lanes."""
        for lane in self._lanes.values():
            lane.shutdown(wait, cancel_futures=cancel_futures)
        super().shutdown(wait, cancel_futures=cancel_futures)


def install(worker: Any) -> None:
    """Give a ``gthread`` worker of gunicorn these threads, before it accepts connections."""
    worker.tpool.shutdown(wait=False)
    worker.tpool = RequestThreads(worker.cfg.threads)
    for listener in worker.sockets:
        _accept_with_first_bytes(listener)


def _handle(handle: Callable[[Any], Any], connection: Any, submitted_at: float) -> Any:
    _current.seconds_waited = time.monotonic() - submitted_at
    return handle(connection)


def _first_bytes(connection: socket.socket) -> bytes:
    """What has arrived and is still to be read; empty where nothing has."""
    try:
        return connection.recv(PEEKED_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except (OSError, ValueError):
        return b""


def _accept_with_first_bytes(listener: Any) -> None:
    """So that a new connection's first line can be read when it is accepted; Linux, TCP only."""
    option = getattr(socket, "TCP_DEFER_ACCEPT", None)
    if option is not None and listener.sock.family in {socket.AF_INET, socket.AF_INET6}:
        listener.sock.setsockopt(socket.IPPROTO_TCP, option, FIRST_BYTES_SECONDS)
