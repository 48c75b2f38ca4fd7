"""Many values in one parameter, so that a statement has one text however many there are.

Parameters of a list are written into the statement each time, and each length of it is another
statement to parse, here and in the database.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import (
    ARRAY,
    JSON,
    ColumnElement,
    FromClause,
    Text,
    Uuid,
    any_,
    cast,
    column,
    func,
    literal,
    select,
    type_coerce,
)
from sqlalchemy.types import TypeEngine


def is_among(dialect: str, one: Any, ids: Iterable[uuid.UUID]) -> ColumnElement[bool]:
    """Whether a column has one of these ids."""
    texts = [each.hex for each in ids]
    if dialect == "postgresql":
        array = literal(f"{{{','.join(texts)}}}", Text)
        found: ColumnElement[bool] = one == any_(cast(array, ARRAY(Uuid)))
    else:
        each = func.json_each(literal(orjson.dumps(texts).decode(), Text)).table_valued("value")
        found = one.in_(select(each.c.value))
    return found


def given_rows(
    dialect: str, rows: Sequence[Mapping[str, Any]], types: Mapping[str, TypeEngine[Any]]
) -> FromClause:
    """Rows of ids, numbers and texts to join with."""
    plain = [
        {name: v.hex if isinstance(v, uuid.UUID) else v for name, v in row.items()} for row in rows
    ]
    text = literal(orjson.dumps(plain).decode(), Text)
    if dialect == "postgresql":
        typed = [column(name, type_) for name, type_ in types.items()]
        found = func.json_to_recordset(cast(text, JSON)).table_valued(*typed)
        return found.render_derived(name="given", with_types=True)
    each = func.json_each(text).table_valued("value")
    values = (
        type_coerce(func.json_extract(each.c.value, f"$.{name}"), type_).label(name)
        for name, type_ in types.items()
    )
    return select(*values).subquery("given")
