"""A load generator: raw requests over plain sockets, so that it costs next to nothing."""

import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count

from gitlab_links.local.services import LOOPBACK

CONNECTIONS = 8
_BUFFER = 65536


@dataclass(frozen=True, slots=True)
class Load:
    """How it went: the time of each request and of all together, in seconds."""

    latencies: Sequence[float]
    seconds: float

    @property
    def per_second(self) -> float:
        """Requests answered a second."""
        return len(self.latencies) / self.seconds


class Refused(Exception):
    """An answer that is no success: then there is nothing to measure."""


def send(
    port: int,
    requests: Sequence[bytes],
    *,
    keep_alive: bool,
    connections: int = CONNECTIONS,
    going_on: Callable[[], bool] = lambda: True,
) -> Load:
    """Send all requests once, over so many connections at a time, while ``going_on()``.

    Without ``keep_alive`` each request has a connection of its own, as GitLab's do, and
    has to say so itself (``Connection: close``).
    """
    numbers = count()
    latencies: list[float] = []

    def work() -> None:
        connection: socket.socket | None = None
        while (number := next(numbers)) < len(requests) and going_on():
            started = time.perf_counter()
            connection = connection or _connect(port)
            _exchange(connection, requests[number])
            if not keep_alive:
                connection.close()
                connection = None
            latencies.append(time.perf_counter() - started)
        if connection is not None:
            connection.close()

    started = time.perf_counter()
    with ThreadPoolExecutor(connections) as pool:
        for worker in [pool.submit(work) for _ in range(connections)]:
            worker.result()
    return Load(latencies, time.perf_counter() - started)


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection((LOOPBACK, port), timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _exchange(connection: socket.socket, request: bytes) -> None:
    connection.sendall(request)
    answer = b""
    while (end := answer.find(b"\r\n\r\n")) < 0:
        answer += _receive(connection)
    head = answer[:end].lower()
    if not head.startswith(b"http/1.1 2"):
        raise Refused(answer.decode(errors="replace"))
    length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
    while len(answer) < end + 4 + length:
        answer += _receive(connection)


def _receive(connection: socket.socket) -> bytes:
    received = connection.recv(_BUFFER)
    if not received:
        raise ConnectionError("the server closed the connection before it had answered")
    return received
