"""Cursors: a place in a list as text. Made up or tampered with, it is another place of one's
own list and nothing worse: what may be seen is decided apart from it.
"""

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from gitlab_links.gitlab.times import EARLIEST, LATEST
from gitlab_links.paging import Position

Row = TypeVar("Row")
Kind = type[datetime] | type[str] | None

_ID = "[0-9a-f]{32}"
_VALUES = {None: "", datetime: "~-?[0-9]{1,18}", str: "~(?:[0-9a-f]{2})*"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class InvalidCursor(ValueError):
    """A text that is no cursor of this list."""


class Cursors:
    """The cursors of one list. ``orders`` names what it can be ordered by and of which kind
    the value is, None for the id's own order; a list with one order has no names.

    A cursor carries its order, so that a page always goes on as the page before.
    """

    def __init__(self, orders: Mapping[str, Kind] | None = None) -> None:
        self.orders = orders or {}
        alternatives = [f"-?{name}{_VALUES[kind]}~{_ID}" for name, kind in self.orders.items()]
        self.pattern = f"^(?:{'|'.join(alternatives) or _ID})$"

    def encode(self, position: Position, order: str = "") -> str:
        """The text of a place in this order."""
        value = position.value
        parts = [order] if order else []
        if isinstance(value, datetime):
            parts.append(str(_microseconds(value)))
        elif isinstance(value, str):
            parts.append(value.encode().hex())
        return "~".join([*parts, position.id.hex])

    def decode(self, text: str) -> tuple[str, Position]:
        """Order and place; raises :class:`InvalidCursor`."""
        if re.fullmatch(self.pattern, text) is None or text.endswith("\n"):
            raise InvalidCursor
        order, *value, row_id = text.split("~") if self.orders else ["", text]
        kind = self.orders.get(order.lstrip("-"))
        return order, Position(uuid.UUID(hex=row_id), _value(kind, value))


def _value(kind: Kind, parts: Sequence[str]) -> datetime | str | None:
    if kind is datetime:
        earliest, latest = _microseconds(EARLIEST), _microseconds(LATEST)
        return _EPOCH + min(max(int(parts[0]), earliest), latest) * _MICROSECOND
    if kind is str:
        return bytes.fromhex(parts[0]).decode("utf-8", "replace").replace("\0", "")
    return None


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def cut(
    rows: Sequence[Row], limit: int, cursor_of: Callable[[Row], str]
) -> tuple[Sequence[Row], str | None]:
    """The page out of up to ``limit + 1`` rows, and the cursor if there are more."""
    if len(rows) <= limit:
        return rows, None
    page = rows[:limit]
    return page, cursor_of(page[-1])
