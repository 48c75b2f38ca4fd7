"""Connections that go only to checked addresses, and end at a deadline.

A read timeout restarts with every byte, so it never stops a peer that sends one byte now and
then. Here one deadline covers name resolution, connection, handshake and answer.
"""

import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from math import inf
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.poolmanager import PoolManager
from urllib3.util.ssl_ import create_urllib3_context

from gitlab_links.config.allowed_hosts import AllowedHosts, literal_address

CONNECT_SECONDS = 5.0

# Resolves a host and port to addresses, in the order in which they are tried.
Resolver = Callable[[str, int], Sequence[str]]


class BlockedAddressError(Exception):
    """A host that is, or resolves to, an address that this service must not connect to."""


class Deadline:
    """The time limit of each call, from ``start()``, and of all calls together, if set."""

    def __init__(self, seconds: float, whole_seconds: float | None = None) -> None:
        self.seconds = seconds
        self._whole_ends_at = inf if whole_seconds is None else time.monotonic() + whole_seconds
        self.start()

    def start(self) -> None:
        """Start the time of the next call."""
        self._ends_at = min(time.monotonic() + self.seconds, self._whole_ends_at)

    def remaining(self) -> float:
        """The seconds left, more than 0. Raises TimeoutError if none are left."""
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"no complete answer within {self.seconds:g} s")
        return left


def system_resolver(host: str, port: int) -> Sequence[str]:
    """All addresses of a host, resolved by the operating system."""
    records = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(record[4][0]) for record in records))


class Guard:
    """Checks where connections may go. One guard serves one session, in one thread."""

    def __init__(self, allowed: AllowedHosts, deadline: Deadline, resolver: Resolver) -> None:
        self.allowed = allowed
        self.deadline = deadline
        self._resolver = resolver

    def addresses(self, scheme: str, host: str, port: int) -> Sequence[str]:
        """The addresses to connect to, all of them permitted.

        One forbidden address refuses the host: a mix of internal and public addresses is an
        attack or a misconfiguration. Raises BlockedAddressError, OSError if the name does
        not resolve, or TimeoutError.
        """
        name = host.lower().rstrip(".")
        if literal_address(name) is not None:
            found: Sequence[str] = [name]
        elif self.allowed.permits_name(name, port):
            found = self._resolve(host, port)
        else:
            raise BlockedAddressError(f"{name} is an internal name.")
        for address in found:
            if not self.allowed.permits(scheme, name, port, ip_address(address)):
                raise BlockedAddressError(
                    f"{name} is at {address}, and this service may not connect there by {scheme}."
                )
        return found

    def _resolve(self, host: str, port: int) -> Sequence[str]:
        # getaddrinfo has no timeout, so it runs in a thread of its own.
        answers: queue.SimpleQueue[Sequence[str] | OSError] = queue.SimpleQueue()

        def resolve() -> None:
            try:
                answers.put(self._resolver(host, port))
            except (OSError, UnicodeError) as error:
                answers.put(error if isinstance(error, OSError) else socket.gaierror(str(error)))

        threading.Thread(target=resolve, daemon=True).start()
        try:
            answer = answers.get(timeout=self.deadline.remaining())
        except queue.Empty:
            raise TimeoutError(f"{host} did not resolve in time") from None
        if isinstance(answer, OSError):
            raise answer
        return answer


class _WithDeadline(socket.socket):
    deadline: Deadline

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(self.deadline.remaining())
        return super().recv_into(*args, **kwargs)

    def send(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(self.deadline.remaining())
        return super().send(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self.settimeout(self.deadline.remaining())
        super().sendall(*args, **kwargs)


class _TlsWithDeadline(_WithDeadline, ssl.SSLSocket):
    """The TLS context's socket. Its whole handshake is limited by the socket's timeout."""


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """A verifying context whose sockets observe the deadline; also trusts ``ca_file``."""
    context = create_urllib3_context()
    context.sslsocket_class = _TlsWithDeadline
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context


def _connect(connection: HTTPConnection, guard: Guard, scheme: str) -> socket.socket:
    port = connection.port or (443 if scheme == "https" else 80)
    try:
        addresses = guard.addresses(scheme, connection.host, port)
    except socket.gaierror as error:
        raise NameResolutionError(connection.host, connection, error) from error
    except TimeoutError as error:
        raise ConnectTimeoutError(connection, str(error)) from error
    failure: OSError = OSError("the name has no address")
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = _WithDeadline(family, socket.SOCK_STREAM)
        sock.deadline = guard.deadline
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(min(CONNECT_SECONDS, guard.deadline.remaining()))
            sock.connect((address, port))
            sock.settimeout(guard.deadline.remaining())
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    if isinstance(failure, TimeoutError):
        raise ConnectTimeoutError(connection, str(failure)) from failure
    raise NewConnectionError(connection, str(failure)) from failure


class _HttpConnection(HTTPConnection):
    guard: Guard

    def _new_conn(self) -> socket.socket:
        return _connect(self, self.guard, "http")


class _HttpsConnection(HTTPSConnection):
    guard: Guard

    def _new_conn(self) -> socket.socket:
        return _connect(self, self.guard, "https")

    def connect(self) -> None:
        super().connect()
        if isinstance(self.sock, _WithDeadline):
            self.sock.deadline = self.guard.deadline


class _HttpPool(HTTPConnectionPool):
    ConnectionCls: type[HTTPConnection] = _HttpConnection
    guard: Guard

    def _new_conn(self) -> Any:
        connection = super()._new_conn()
        connection.guard = self.guard  # type: ignore[attr-defined]
        return connection


class _HttpsPool(_HttpPool, HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


class GuardedPoolManager(PoolManager):
    """Connection pools that have the guard check every new connection."""

    def __init__(self, guard: Guard, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._guard = guard
        self.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def _new_pool(self, *args: Any, **kwargs: Any) -> HTTPConnectionPool:
        pool = super()._new_pool(*args, **kwargs)
        pool.guard = self._guard  # type: ignore[attr-defined]
        return pool
