"""How often it is saved that a session or key is used: not for every request."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_
from sqlalchemy.orm import InstrumentedAttribute

USE_NOTED_EVERY = timedelta(minutes=5)


def use_is_due(used_at: datetime | None, now: datetime) -> bool:
    """Whether to save the use."""
    return used_at is None or used_at < now - USE_NOTED_EVERY


def is_due_in(column: InstrumentedAttribute[Any], now: datetime) -> ColumnElement[bool]:
    """The same in SQL: no other request has just done so."""
    return or_(column.is_(None), column < now - USE_NOTED_EVERY)
