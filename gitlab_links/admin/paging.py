"""Lists in parts: numbered ones, and those that go on behind a row."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gitlab_links.paging import Position


@dataclass(frozen=True, slots=True)
class Paging:
    """Which part is shown and where the neighbours are."""

    first: int
    last: int
    total: int
    previous_url: str | None
    next_url: str | None

    @classmethod
    def of(cls, total: int, page: int, size: int, url: Callable[[int], str]) -> "Paging":
        """Part ``page`` of ``total`` things, ``size`` to a part."""
        last = min(page * size, total)
        return cls(
            first=(page - 1) * size + 1,
            last=last,
            total=total,
            previous_url=url(page - 1) if page > 1 else None,
            next_url=url(page + 1) if last < total else None,
        )


def position_in(args: Mapping[str, str]) -> Position | None:
    """The row named by ``after``; what is no id counts as none."""
    try:
        return Position(uuid.UUID(args["after"]))
    except (KeyError, ValueError):
        return None
