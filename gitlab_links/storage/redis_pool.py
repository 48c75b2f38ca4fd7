"""Connections to Redis with short waits: a request waits for an unavailable Redis once."""

from functools import partial
from typing import Any

from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.connection import Connection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from gitlab_links.storage.circuit_breaker import CircuitBreaker, Unreachable

WAIT_SECONDS = 0.5
# No request fails without Redis, so it goes on without instead of waiting again.
QUIET_SECONDS = 1.0
WRITE_PROBE = "gitlab_links:write_probe"


class BreakerPool(ConnectionPool):
    """While Redis is unavailable, one caller tries to connect and the others wait for it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.breaker = CircuitBreaker(patience=WAIT_SECONDS, quiet=QUIET_SECONDS)

    def get_connection(self, *arguments: Any, **options: Any) -> Connection:
        """An open connection; raises :class:`redis.exceptions.ConnectionError`."""
        connect = partial(super().get_connection, *arguments, **options)
        try:
            connection: Connection = self.breaker.attempt(connect, (RedisError,))
        except Unreachable:
            raise RedisConnectionError("Redis does not answer") from None
        return connection


def refusal_of_writes(redis: Redis) -> str | None:
    """Redis's own reason for taking no writes, such as full memory; None if it takes writes.

    Raises :class:`redis.exceptions.RedisError` if it does not answer.
    """
    try:
        redis.set(WRITE_PROBE, "1", ex=1)
    except ResponseError as refusal:
        return str(refusal)
    return None


def connect_redis(url: str) -> Redis:
    """A client that gives up quickly, so that no request waits for a trigger."""
    pool = BreakerPool.from_url(
        url,
        socket_timeout=WAIT_SECONDS,
        socket_connect_timeout=WAIT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    return Redis(connection_pool=pool)


def connect_blocking_redis(url: str) -> Redis:
    """A client for a worker, which sets on its own how long a read may block.

    It does not retry: with the library's ten retries a worker would wait for minutes after
    Redis is back.
    """
    return Redis.from_url(url, socket_connect_timeout=WAIT_SECONDS, retry=Retry(NoBackoff(), 0))
