"""Write many rows in one statement, built once.

PostgreSQL gets the rows as one JSON text: binding and sending each row apart costs several times
as much CPU, here and there. SQLite runs a statement for each row, within this process.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import orjson
from sqlalchemy import (
    JSON,
    Connection,
    Executable,
    FromClause,
    Table,
    Text,
    bindparam,
    column,
    func,
    insert,
    select,
    update,
)
from sqlalchemy import cast as type_cast
from sqlalchemy.engine import Result
from sqlalchemy.orm import Session, scoped_session

from gitlab_links.storage.database import Base, upsert

Row = Mapping[str, Any]
Target = Session | scoped_session[Any] | Connection
_ROWS = "many_rows"
_KEY = "key_of_row"


@dataclass(frozen=True, eq=False, slots=True)
class ManyRows(ABC):
    """A statement for rows that all have the same columns. Make one for each module that writes.

    Of columns with a default of SQLAlchemy's, the rows must have a value.
    """

    model: type[Base]
    _built: dict[tuple[str, ...], Executable] = field(default_factory=dict, init=False)

    def _run(self, to: Target, rows: Sequence[Row]) -> Result[Any]:
        """Run it. ``rows`` must not be empty."""
        dialect = (to if isinstance(to, Connection) else to.get_bind()).dialect.name
        shape = (dialect, *rows[0])
        statement = self._built.get(shape)
        if statement is None:
            statement = self._built[shape] = self._build(dialect, list(rows[0]))
        if dialect == "postgresql":
            return to.execute(statement, {_ROWS: orjson.dumps(rows).decode()})
        return to.execute(statement, self._parameters(rows))

    @abstractmethod
    def _build(self, dialect: str, columns: list[str]) -> Executable:
        """The statement for rows of these columns."""

    def _parameters(self, rows: Sequence[Row]) -> list[Row]:
        return list(rows)

    @property
    def _table(self) -> Table:
        return cast(Table, self.model.__table__)

    def _source(self, columns: Sequence[str]) -> FromClause:
        """The rows of the JSON text, with the types of the table's columns."""
        typed = [column(name, self._table.c[name].type) for name in columns]
        text = type_cast(bindparam(_ROWS, type_=Text), JSON)
        rows = func.json_to_recordset(text).table_valued(*typed)
        return rows.render_derived(name="given", with_types=True)


@dataclass(frozen=True, eq=False, slots=True)
class InsertRows(ManyRows):
    """Insert rows. Where one with the same ``key`` exists, it gets the values of ``changed``, a
    function of the new row; without that, it stays as it is.
    """

    key: Sequence[str] = ()
    changed: Callable[[Any], Mapping[str, Any]] | None = None
    returning: Sequence[Any] = ()

    def run(self, to: Target, rows: Sequence[Row]) -> Result[Any]:
        """Insert; ``rows`` must not be empty. Locks them in their order."""
        return self._run(to, rows)

    def _build(self, dialect: str, columns: list[str]) -> Executable:
        missing = [one.key for one in self._table.c if one.default and one.key not in columns]
        if missing:
            raise ValueError(f"no value for {', '.join(missing)}")
        statement: Any = upsert(dialect, self.model) if self.key else insert(self._table)
        if dialect == "postgresql":
            source = self._source(columns)
            rows = select(*(source.c[name] for name in columns))
            statement = statement.from_select(columns, rows, include_defaults=False)
        if self.changed is not None:
            statement = statement.on_conflict_do_update(
                index_elements=self.key, set_=self.changed(statement.excluded)
            )
        elif self.key:
            statement = statement.on_conflict_do_nothing(index_elements=self.key)
        return cast(
            Executable, statement.returning(*self.returning) if self.returning else statement
        )


@dataclass(frozen=True, eq=False, slots=True)
class UpdateRows(ManyRows):
    """Change rows by their ``key``. The caller has locked them: they are changed in any order."""

    key: str = "id"

    def run(self, to: Target, rows: Sequence[Row]) -> None:
        """Change; ``rows`` must not be empty, and each must have its ``key``."""
        self._run(to, rows)

    def _build(self, dialect: str, columns: list[str]) -> Executable:
        table, names = self._table, [name for name in columns if name != self.key]
        key = table.c[self.key]
        if dialect == "postgresql":
            source = self._source(columns)
            changes = update(table).where(key == source.c[self.key])
            return changes.values({name: source.c[name] for name in names})
        changes = update(table).where(key == bindparam(_KEY))
        return changes.values({name: bindparam(name) for name in names})

    def _parameters(self, rows: Sequence[Row]) -> list[Row]:
        return [{**row, _KEY: row[self.key]} for row in rows]
