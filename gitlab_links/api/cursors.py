"""Cursors: a position in a list as text.

A forged cursor is only another position in the caller's own list; access is checked elsewhere.
"""

import re
import uuid
from collections.abc import Callable, Container, Mapping, Sequence
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
    """The text is not a cursor of this list."""


class Cursors:
    """The cursors of one list. ``orders`` maps the name of each order to the type of its value,
    None for the order of ids; a list with one order needs no names.

    A cursor contains its order, so the next page has the order of the page before. An order is
    reversed by a minus unless it is ``one_way``.
    """

    def __init__(
        self, orders: Mapping[str, Kind] | None = None, *, one_way: Container[str] = ()
    ) -> None:
        self.orders = orders or {}
        alternatives = [
            f"{'' if name in one_way else '-?'}{name}{_VALUES[kind]}~{_ID}"
            for name, kind in self.orders.items()
        ]
        self.pattern = f"^(?:{'|'.join(alternatives) or _ID})$"

    def encode(self, position: Position, order: str = "") -> str:
        """The cursor of a position in this order."""
        value = position.value
        parts = [order] if order else []
        if isinstance(value, datetime):
            parts.append(str(_microseconds(value)))
        elif isinstance(value, str):
            parts.append(value.encode().hex())
        return "~".join([*parts, position.id.hex])

    def decode(self, text: str) -> tuple[str, Position]:
        """Order and position; raises :class:`InvalidCursor`."""
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
    """The first ``limit`` rows, and the cursor of the next page if there are more rows."""
    if len(rows) <= limit:
        return rows, None
    page = rows[:limit]
    return page, cursor_of(page[-1])
