"""Pages of lists: by number, or after a row."""

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request, url_for

from gitlab_links.gitlab.times import parse_time
from gitlab_links.pages.form_fields import parsed
from gitlab_links.pages.unapplied import BEHIND, unapplied
from gitlab_links.paging import Position
from gitlab_links.sought_texts import is_blank

MAX_PAGE = 100_000
ROWS_A_PART = 50
# The newest first, nothing comes behind it.
BEHIND_ALL = Position(uuid.UUID(int=0))


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of a list is shown, and the addresses of its neighbours."""

    first: int
    last: int
    total: int
    previous_url: str | None
    next_url: str | None
    are_more: bool = False

    @property
    def is_needed(self) -> bool:
        """Whether there is more than one page."""
        return self.previous_url is not None or self.next_url is not None

    @classmethod
    def of(
        cls,
        total: int,
        page: int,
        size: int,
        url: Callable[[int], str],
        *,
        are_more: bool = False,
    ) -> "Paging":
        """Page ``page`` of ``total`` rows, ``size`` to a page; ``are_more``: of more than those."""
        last = min(page * size, total)
        return cls(
            first=(page - 1) * size + 1,
            last=last,
            total=total,
            previous_url=url(page - 1) if page > 1 else None,
            next_url=url(page + 1) if last < total else None,
            are_more=are_more,
        )


def page_in(args: Mapping[str, str]) -> int:
    """The requested page number; 1 if it is missing or invalid."""
    page = args.get("page", "")
    return min(int(page), MAX_PAGE) if re.fullmatch("[1-9][0-9]{0,8}", page) else 1


def place_in(args: Mapping[str, str]) -> Position | None:
    """The row and the moment behind which a part of a list begins, the newest first; None for the
    first part. Behind what is no such place there is nothing.
    """
    after, at = args.get("after", ""), args.get("at", "")
    if is_blank(after) and is_blank(at):
        return None
    row, moment = parsed(uuid.UUID, after), parse_time(at)
    if row is None or (moment is None and not is_blank(at)):
        return BEHIND_ALL
    return Position(row, moment)


def part_behind(
    view: str, org_id: uuid.UUID, filters: Mapping[str, Any], read: Callable[..., Sequence[Any]]
) -> tuple[Sequence[Any], dict[str, Any]]:
    """The rows behind the one named by ``after``, and what the template of the list needs.
    ``here_url`` is the address of this part, for an open page to follow.
    """
    wanted = {name: str(value) for name, value in filters.items() if value is not None}
    after = place_in(request.args)
    found = read(after=after and Position(after.id), limit=ROWS_A_PART + 1)
    rows = found[:ROWS_A_PART]
    here: dict[str, Any] = {"org_id": org_id, **wanted}
    in_path = request.view_args or {}
    asked = {name: value for name, value in wanted.items() if name not in in_path}
    place: dict[str, Any] = {name: request.args.get(name) for name in BEHIND}
    older = url_for(view, after=rows[-1].id, **here) if len(found) > len(rows) else None
    return rows, {
        "org_id": org_id,
        "wanted": wanted,
        "paged": after is not None,
        "here_url": url_for(view, **place, **here),
        "newest_url": url_for(view, **here),
        "older_url": older,
        "unapplied": unapplied(asked, places=BEHIND),
    }
