"""Reading everything of an org: one snapshot, a page of rows at a time.

Memory holds one page, however large the org is. Secrets are left out, see ``tables``.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Select, Table, and_, case, exists, func, or_, select

from gitlab_links.accounts.models import Membership, Org, User
from gitlab_links.errors import NotFound
from gitlab_links.extensions import db
from gitlab_links.org_data.tables import exported_columns, exported_tables, refers_to

ROWS_A_PAGE = 1000
_SNAPSHOT: dict[str, Any] = {"isolation_level": "REPEATABLE READ"}
_SQLITE_READ: dict[str, Any] = {"sqlite_deferred": True}


@dataclass(frozen=True, slots=True)
class ExportedRow:
    """A row of a table, with the values as the database has them."""

    table: str
    values: dict[str, Any]


@contextmanager
def snapshot() -> Iterator[Connection]:
    """A connection that sees the database at one moment and delays no writer."""
    options = _SQLITE_READ if db.engine.dialect.name == "sqlite" else _SNAPSHOT
    with db.engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


def org_name(connection: Connection, org_id: uuid.UUID) -> str:
    """The org's name; raises :class:`NotFound`."""
    name = connection.scalar(select(Org.name).where(Org.id == org_id))
    if name is None:
        raise NotFound(f"There is no org with the id {org_id}.")
    return str(name)


def exported_rows(connection: Connection, org_id: uuid.UUID) -> Iterator[ExportedRow]:
    """All rows, those that others refer to first."""
    for table in exported_tables():
        [key] = table.primary_key.columns
        last: Any = None
        while True:
            statement = _of_org(table, org_id).order_by(key).limit(ROWS_A_PAGE)
            if last is not None:
                statement = statement.where(key > last)
            rows = connection.execute(statement).mappings().all()
            for row in rows:
                # SQLAlchemy has a kind of str of its own for the names.
                yield ExportedRow(
                    str(table.name), {str(name): value for name, value in row.items()}
                )
            if len(rows) < ROWS_A_PAGE:
                break
            last = rows[-1][key.name]


def _of_org(table: Table, org_id: uuid.UUID) -> Select[*tuple[Any, ...]]:
    if table.name == User.__tablename__:
        return _people(table, org_id)
    owner = table.c.id if table.name == Org.__tablename__ else table.c.org_id
    rows: Select[*tuple[Any, ...]] = select(*exported_columns(table)).where(owner == org_id)
    return rows


def _people(users: Table, org_id: uuid.UUID) -> Select[*tuple[Any, ...]]:
    """Members, service accounts, and whoever else the org's rows name.

    Of those who are no members any more, only the name: the org has no right to their address.
    Of people who have not opened the org, the name that the org gave.
    """
    own = and_(Membership.org_id == org_id, Membership.user_id == users.c.id)
    given = select(Membership.pending_name).where(own).scalar_subquery()
    is_ours = or_(exists().where(own), users.c.service_of_id == org_id)
    shown: list[Any] = []
    for column in exported_columns(users):
        if column.name == "email":
            shown.append(case((is_ours, column)).label("email"))
        elif column.name == "name":
            shown.append(func.coalesce(given, column).label("name"))
        else:
            shown.append(column)
    named = [
        exists().where(table.c.org_id == org_id, column == users.c.id)
        for table, column in _columns_with_people()
    ]
    return select(*shown).where(or_(is_ours, *named))


def _columns_with_people() -> Iterator[tuple[Table, Column[object]]]:
    for table in exported_tables():
        for column in exported_columns(table):
            if refers_to(column) == User.__tablename__ and "org_id" in table.c:
                yield table, column
