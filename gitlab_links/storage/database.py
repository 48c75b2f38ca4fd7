"""The SQLAlchemy base, column types and engine setup of all models."""

import secrets
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import orjson
from sqlalchemy import (
    Connection,
    DateTime,
    Engine,
    Executable,
    Index,
    MetaData,
    Table,
    event,
    func,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, scoped_session
from sqlalchemy.types import TypeDecorator

from gitlab_links.storage import postgresql as postgresql_connections
from gitlab_links.storage.circuit_breaker import CircuitBreaker
from gitlab_links.storage.private_files import make_private_file

SQLITE_WAIT_SECONDS = 15
# How long a webhook request waits for other writers: GitLab gives up after 10 s.
SQLITE_SHORT_WAIT_SECONDS = 6
# How long a thread waits for one of PostgreSQL's connections that other threads have.
POOL_WAIT_SECONDS = 5
_BEGIN_BY = "begin_by"
_BUSY = "PRAGMA busy_timeout={}"


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: refuses naive values, stores UTC, returns aware UTC.

    ``DateTime(timezone=True)`` alone drops the offset on SQLite.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a naive datetime is not an instant: {value!r}")
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """None for PostgreSQL: its connections are in UTC, and with them what is read."""
        return None if dialect.name == "postgresql" else super().result_processor(dialect, coltype)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC)


def new_id() -> uuid.UUID:
    """A UUID version 7 (RFC 9562): ids sort by creation time, to a quarter microsecond.

    Random keys would spread inserts over the whole index, and lists could not page by id.
    The 12 bits after the version continue the time, by the RFC's method 3.
    """
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    fraction = nanoseconds * 4096 // 1_000_000
    time_and_version = (milliseconds & ((1 << 48) - 1)) << 16 | 0x7 << 12 | fraction
    return uuid.UUID(int=time_and_version << 64 | 0x2 << 62 | secrets.randbits(62))


def first_id_at(moment: datetime) -> uuid.UUID:
    """The smallest id that :func:`new_id` could create at ``moment``, for range queries by id."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80)


class Base(DeclarativeBase):
    """The base of all models; by the naming convention migrations can name every constraint."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime}


M = TypeVar("M", bound=Base)


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index of the rows that meet a condition, alone."""
    condition = text(where)
    return Index(name, *columns, unique=unique, postgresql_where=condition, sqlite_where=condition)


class Identified:
    """Mixin: a time-ordered UUID as primary key."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)


def engine_options(url: str) -> dict[str, Any]:
    """Options for ``create_engine``.

    Errors do not contain the values of a statement, because they end up in logs.
    """
    if url.startswith("sqlite"):
        # The driver must not open transactions on its own: see _prepare_sqlite.
        return {
            "hide_parameters": True,
            "json_deserializer": orjson.loads,
            "connect_args": {"timeout": SQLITE_WAIT_SECONDS, "isolation_level": None},
        }
    return {
        "hide_parameters": True,
        "json_deserializer": orjson.loads,
        "pool_size": 12,  # as many as a web process has threads that need one
        "max_overflow": 0,
        "pool_timeout": POOL_WAIT_SECONDS,
        "connect_args": dict(postgresql_connections.CONNECT_ARGS),
    }


def prepare_engine(engine: Engine, seconds: float) -> CircuitBreaker:
    """Prepare the engine's connections; PostgreSQL's give up on a statement after ``seconds``.

    Returns the circuit breaker of the database; SQLite's never opens.
    """
    if engine.dialect.name != "sqlite":
        event.listen(engine, "before_cursor_execute", _refuse_late)
        return postgresql_connections.prepare(engine, seconds)
    _prepare_sqlite(engine)
    return CircuitBreaker()


@contextmanager
def begin_statements_by(engine: Engine, moment: float) -> Iterator[Connection]:
    """A connection on which a statement that would begin after ``moment``, of
    :func:`time.monotonic`, raises :class:`sqlalchemy.exc.OperationalError` instead.

    No connection is opened after ``moment`` either: that takes seconds if the server does not
    answer. On SQLite the whole wait is at the begin of the transaction, and shorter than usual.
    """
    _refuse_after(moment)
    with engine.connect() as connection:
        if engine.dialect.name != "sqlite":
            yield connection.execution_options(**{_BEGIN_BY: moment})
            return
        _refuse_after(moment)
        raw: Any = connection.connection.driver_connection
        raw.execute(_BUSY.format(SQLITE_SHORT_WAIT_SECONDS * 1000))
        try:
            yield connection
        finally:
            raw.execute(_BUSY.format(SQLITE_WAIT_SECONDS * 1000))


def _refuse_late(connection: Connection, *_rest: Any) -> None:
    _refuse_after(connection.get_execution_options().get(_BEGIN_BY))


def _refuse_after(moment: float | None) -> None:
    if moment is not None and time.monotonic() > moment:
        raise OperationalError(None, None, TimeoutError("it is too late to begin a statement"))


def require_writable(connection: Connection) -> None:
    """Raise :class:`sqlalchemy.exc.OperationalError` if PostgreSQL takes no writes now."""
    if connection.dialect.name == "postgresql":
        postgresql_connections.require_writable(connection)


def _prepare_sqlite(engine: Engine) -> None:
    """Make SQLite safe for several processes: WAL, foreign keys, writers that queue.

    Two deferred transactions that both go from reading to writing fail with "database is
    locked". One that begins IMMEDIATE waits for its turn instead.
    """

    @event.listens_for(engine, "do_connect")
    def _make_private(_dialect: Any, _record: Any, words: Any, _named: Any) -> None:
        # SQLite's other files get the permissions of this one.
        if not str(words[0]).startswith(("file:", ":")):
            make_private_file(Path(words[0]))

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(_BUSY.format(SQLITE_WAIT_SECONDS * 1000))
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        deferred = connection.get_execution_options().get("sqlite_deferred", False)
        connection.exec_driver_sql("BEGIN DEFERRED" if deferred else "BEGIN IMMEDIATE")


def is_orphan(error: Exception) -> bool:
    """Whether a row was refused because the one that it belongs to is not there (any more)."""
    if not isinstance(error, IntegrityError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    return state == "23503" or "FOREIGN KEY" in str(error.orig)


def renew_statistics(connection: Connection) -> None:
    """Have SQLite estimate its rows: without, it reads a large org's lists the long way round.

    PostgreSQL does so on its own. Of each index a thousand entries are read, so it takes
    milliseconds, in which nobody can write.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA analysis_limit=1000")
        connection.exec_driver_sql("ANALYZE")


def lock_words(session: Session | scoped_session[Any], words: str) -> None:
    """Lock words until the commit: what is not there yet has no row to lock. SQLite has one writer
    at a time anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(words, 0))))


def insert_unless_exists(
    to: Session | scoped_session[Any] | Connection,
    model: type[Base],
    values: Mapping[str, Any],
    *key: str,
) -> uuid.UUID | None:
    """Insert one row and return its primary key; None if one with the same ``key`` columns exists.

    What ``values`` leave out has the default of its column. Every other violated constraint still
    raises.
    """
    bind = to if isinstance(to, Connection) else to.get_bind()
    statement = _insert_unless_exists(bind.dialect.name, model, key)
    inserted: uuid.UUID | None = to.execute(statement, values).scalar_one_or_none()
    return inserted


@cache
def _insert_unless_exists(dialect: str, model: type[Base], key: tuple[str, ...]) -> Executable:
    """Built once, without the ORM: building took half the time of a webhook's INSERT."""
    insert = upsert(dialect, model).on_conflict_do_nothing(index_elements=key)
    return cast(Executable, insert.returning(*model.__table__.primary_key))


def insert_and_lock(
    session: Session | scoped_session[Any], model: type[M], key: Mapping[str, Any], **values: Any
) -> M:
    """The row with this ``key``, reloaded and locked until the commit; inserted if there is none.

    A new row has ``values``. Whoever inserts the same row at once waits here for the first.
    """
    found = select(model).filter_by(**key).with_for_update()
    locked = found.execution_options(populate_existing=True)
    while (row := session.scalars(locked).one_or_none()) is None:
        insert_unless_exists(session, model, {**key, **values}, *key)
    return row


def upsert(dialect: str, model: type[Base]) -> Any:
    """The dialect's INSERT, which has ``on_conflict_do_update``."""
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(cast(Table, model.__table__))
