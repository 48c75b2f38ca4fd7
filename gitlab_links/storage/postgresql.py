"""Connections to PostgreSQL with time limits, for both sides.

TCP detects a machine that is gone. It does not detect one that accepts data and never answers,
because of a stalled disk, a proxy without its server, or a network that is cut behind a proxy.
"""

import math
import select
import time
from contextvars import ContextVar
from typing import Any, Self

import psycopg
from psycopg.abc import RV, AdaptContext, PQGen, PQGenConn
from psycopg.conninfo import conninfo_attempts, conninfo_to_dict
from sqlalchemy import Connection as EngineConnection
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DisconnectionError, OperationalError

from gitlab_links.storage.circuit_breaker import CircuitBreaker, Unreachable

# The server ends a statement that takes too long. A client that gets no error this much later
# has lost the server.
GRACE_SECONDS = 1.0
# No transaction waits for anything but the database. An idle one has lost its client, and its
# locks block others.
IDLE_IN_TRANSACTION_SECONDS = 20

# A new connection's first statement only sets limits: a server that takes longer for it does
# not answer, and a webhook may have waited for the connection for some seconds already.
FIRST_STATEMENT_SECONDS = 1.5

# Less than a statement may take: a webhook that waits for a lock must be answered before GitLab
# gives up after 10 s.
LOCK_SECONDS = 3.0
# A primary that was demoted answers every read and refuses every write with this SQLSTATE.
READ_ONLY = "25006"

_LIMITS = (
    "SELECT set_config('statement_timeout', %s, {local}),"
    " set_config('lock_timeout', %s, {local}),"
    " set_config('idle_in_transaction_session_timeout', %s, {local})"
)
# In other time zones the server returns the first and last days of the calendar with years that
# Python does not support, and their rows cannot be read.
# Compiling a statement of a list takes up to seconds, and running it milliseconds: the server
# decides by an estimate, which is of all rows, not of a page. With parallel workers, such a
# statement takes 1.4 times the CPU. By the cost of a page of a spinning disk, it would read a whole
# table rather than 2,000 of its rows.
_OF_THE_SESSION = (
    _LIMITS.format(local=False)
    + ", set_config('TimeZone', 'UTC', False), set_config('jit', 'off', False)"
    + ", set_config('max_parallel_workers_per_gather', '0', False)"
    + ", set_config('random_page_cost', '1.1', False)"
)
_OF_THE_TRANSACTION = _LIMITS.format(local=True)
_REQUIRE_WRITABLE = """
    DO $$ BEGIN
        IF current_setting('transaction_read_only')::boolean THEN
            RAISE read_only_sql_transaction USING MESSAGE = 'the database is read-only';
        END IF;
    END $$
"""

# For all addresses of the server together: a webhook waits this long at most.
CONNECT_SECONDS = 3

CONNECT_ARGS = {
    # Of several hosts in the URL use the primary; a server that takes no writes is of no use.
    "target_session_attrs": "read-write",
    "connect_timeout": CONNECT_SECONDS,
    # A server that vanishes must not block a thread for minutes.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 10_000,
}


# When this thread gives up its current attempt to connect.
_ends_at: ContextVar[float] = ContextVar("_ends_at", default=math.inf)


class PatientConnection(psycopg.Connection[Any]):
    """Waits ``patience`` seconds for an answer, then closes: a late answer would be misread."""

    patience: float | None = None
    breaker: CircuitBreaker | None = None

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> PQGenConn[Self]:
        """The steps of connecting, which psycopg polls every 0.1 s, until ``_ends_at``.

        psycopg's own timeout is for each address, and at least 2 s.
        """
        steps = super()._connect_gen(conninfo)
        try:
            awaited = next(steps)
            while time.monotonic() < _ends_at.get():
                awaited = steps.send((yield awaited))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        steps.close()
        raise psycopg.errors.ConnectionTimeout("the server did not answer in time")

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """See psycopg; raises :class:`psycopg.OperationalError` when time is up."""
        started = time.monotonic()
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except psycopg.OperationalError:
            waited = time.monotonic() - started
            if timeout is not None or waited < (self.patience or math.inf):
                raise
            self.pgconn.finish()
            if self.breaker is not None:
                self.breaker.missed()
            raise psycopg.OperationalError(f"no answer within {self.patience:g} s") from None


def prepare(engine: Engine, seconds: float) -> CircuitBreaker:
    """Limit statements of the engine's connections to ``seconds``, on server and client.

    Returns the circuit breaker of the server.
    """
    breaker = CircuitBreaker()

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: Any, _record: Any, words: Any, named: Any) -> PatientConnection:
        def connect() -> PatientConnection:
            return _limited(_connected(*words, **named), seconds)

        try:
            connection = breaker.attempt(connect, (psycopg.OperationalError,))
        except Unreachable:
            raise psycopg.OperationalError("the database does not answer") from None
        connection.breaker = breaker
        return connection

    @event.listens_for(engine, "handle_error")
    def _take_read_only_for_an_outage(failed: ExceptionContext) -> None:
        if getattr(failed.original_exception, "sqlstate", None) != READ_ONLY:
            return
        breaker.missed()
        failed.is_disconnect = True  # the pool's other connections are dropped as well
        raise OperationalError(
            failed.statement,
            None,
            failed.original_exception,
            hide_parameters=True,
            connection_invalidated=True,
        )

    event.listen(engine, "checkout", _replace_closed)
    return breaker


def require_writable(connection: EngineConnection) -> None:
    """Raise :class:`sqlalchemy.exc.OperationalError` if the server takes no writes."""
    connection.exec_driver_sql(_REQUIRE_WRITABLE)


def _connected(*words: str, context: AdaptContext | None, **named: Any) -> PatientConnection:
    """Connect to the first address that answers, within ``CONNECT_SECONDS`` for all of them.

    The remaining time is divided equally, so that one silent address does not use it up.
    """
    attempts: list[dict[str, Any]] = [*conninfo_attempts(conninfo_to_dict(*words, **named))]
    ends_at, failure = time.monotonic() + CONNECT_SECONDS, psycopg.OperationalError()
    for tried, attempt in enumerate(attempts):
        now = time.monotonic()
        token = _ends_at.set(now + (ends_at - now) / (len(attempts) - tried))
        try:
            return PatientConnection.connect(context=context, **attempt)
        except psycopg.OperationalError as error:
            failure = error
        finally:
            _ends_at.reset(token)
    raise failure


def _limited(connection: PatientConnection, seconds: float) -> PatientConnection:
    connection.patience = FIRST_STATEMENT_SECONDS
    connection.autocommit = True
    limits = (seconds, min(LOCK_SECONDS, seconds), IDLE_IN_TRANSACTION_SECONDS)
    connection.execute(_OF_THE_SESSION, [str(int(limit * 1000)) for limit in limits])
    connection.autocommit = False
    connection.patience = seconds + GRACE_SECONDS
    return connection


def take_time(connection: EngineConnection) -> None:
    """Lift the time limits for the open transaction, for migrations.

    Close the connection afterwards instead of returning it to the pool.
    """
    raw: Any = connection.connection.driver_connection
    raw.patience = None
    connection.exec_driver_sql(_OF_THE_TRANSACTION, ("0", "0", "0"))


def _replace_closed(connection: Any, _record: Any, _proxy: Any) -> None:
    """Detect that the server closed a pooled connection, without a round trip.

    An idle connection becomes readable only when it ends. SQLAlchemy then opens a new one. Its
    own ``pool_pre_ping`` would cost each webhook another round trip.
    """
    poll = select.poll()
    try:
        poll.register(connection.fileno(), select.POLLIN)
    except psycopg.OperationalError:
        raise DisconnectionError("closed on this side") from None
    if poll.poll(0):
        raise DisconnectionError("closed by the server")
