"""Pages of lists: by number, or after a row."""

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gitlab_links.paging import Position

MAX_PAGE = 100_000


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of a list is shown, and the addresses of its neighbours."""

    first: int
    last: int
    total: int
    previous_url: str | None
    next_url: str | None

    @property
    def is_needed(self) -> bool:
        """Whether there is more than one page."""
        return self.previous_url is not None or self.next_url is not None

    @classmethod
    def of(cls, total: int, page: int, size: int, url: Callable[[int], str]) -> "Paging":
        """Page ``page`` of ``total`` rows, ``size`` to a page."""
        last = min(page * size, total)
        return cls(
            first=(page - 1) * size + 1,
            last=last,
            total=total,
            previous_url=url(page - 1) if page > 1 else None,
            next_url=url(page + 1) if last < total else None,
        )


def page_in(args: Mapping[str, str]) -> int:
    """The requested page number; 1 if it is missing or invalid."""
    page = args.get("page", "")
    return min(int(page), MAX_PAGE) if re.fullmatch("[1-9][0-9]{0,8}", page) else 1


def position_in(args: Mapping[str, str]) -> Position | None:
    """The row named by ``after``; None if it is missing or not an id."""
    try:
        return Position(uuid.UUID(args["after"]))
    except (KeyError, ValueError):
        return None
