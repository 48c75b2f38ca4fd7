"""SQLAlchemy base, column types and engine set-up shared by all models."""

import secrets
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Engine, MetaData, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, scoped_session
from sqlalchemy.types import TypeDecorator

SQLITE_WAIT_SECONDS = 15


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: refuses naive values, stores UTC, gives aware UTC back.

    ``DateTime(timezone=True)`` alone drops the offset on SQLite.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a naive datetime is no instant: {value!r}")
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def new_id() -> uuid.UUID:
    """A UUID version 7 (RFC 9562): ids sort by the millisecond they were made in.

    Random keys would spread inserts over the whole index, and lists could not page by id.
    """
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & ((1 << 48) - 1)) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)


class Base(DeclarativeBase):
    """Base of all models; the naming convention lets migrations name every constraint."""

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


class Identified:
    """Mixin: a time-ordered UUID as primary key."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)


def engine_options(url: str) -> dict[str, Any]:
    """Options for ``create_engine``; on PostgreSQL a lost connection is noticed and replaced."""
    if url.startswith("sqlite"):
        # SQLAlchemy must not open transactions by itself: see prepare_sqlite.
        return {"connect_args": {"timeout": SQLITE_WAIT_SECONDS, "isolation_level": None}}
    return {
        "pool_pre_ping": True,
        "pool_size": 8,
        "max_overflow": 4,
        "pool_timeout": 5,
        "connect_args": {"connect_timeout": 3},
    }


def prepare_engine(engine: Engine) -> None:
    """Make SQLite safe for several processes: WAL, foreign keys, writers that queue.

    Deferred transactions fail with "database is locked" when two of them turn from
    reading to writing; one that begins IMMEDIATE waits for its turn instead.
    """
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA busy_timeout={SQLITE_WAIT_SECONDS * 1000}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        deferred = connection.get_execution_options().get("sqlite_deferred", False)
        connection.exec_driver_sql("BEGIN DEFERRED" if deferred else "BEGIN IMMEDIATE")


def insert_unless_exists(
    session: Session | scoped_session[Any], model: type[Base], values: Mapping[str, Any], *key: str
) -> uuid.UUID | None:
    """Insert one row; None where a row with the same ``key`` columns exists.

    Only that one conflict is passed over: every other violated constraint still raises.
    """
    dialect = session.get_bind().dialect.name
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    row = {"id": new_id(), **values}
    statement = insert(model).values(row).on_conflict_do_nothing(index_elements=key)
    inserted: uuid.UUID | None = session.execute(
        statement.returning(model.__table__.c.id)
    ).scalar_one_or_none()
    return inserted
