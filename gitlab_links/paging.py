"""Read a list page by page, by position and not by offset."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, or_
from sqlalchemy.orm import InstrumentedAttribute

S = TypeVar("S", bound=Select[*tuple[Any, ...]])


@dataclass(frozen=True, slots=True)
class Position:
    """The last row of a page: its id, and its sort value if the list is not ordered by id."""

    id: uuid.UUID
    value: datetime | str | None = None


def paged(
    statement: S,
    id_column: InstrumentedAttribute[uuid.UUID],
    *,
    by: ColumnElement[Any] | InstrumentedAttribute[Any] | None = None,
    descending: bool = False,
    after: Position | None,
    limit: int | None,
) -> S:
    """Order by ``by`` (never null) and id, or only by id, and continue after ``after``."""
    if after is not None:
        beyond = id_column < after.id if descending else id_column > after.id
        if by is not None:
            further = by < after.value if descending else by > after.value
            beyond = or_(further, and_(by == after.value, beyond))
        statement = statement.where(beyond)
    order = [id_column] if by is None else [by, id_column]
    ordered = [column.desc() for column in order] if descending else order
    return statement.order_by(*ordered).limit(limit)
