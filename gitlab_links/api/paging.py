"""Pages of lists, with the cursor of the next page."""

from collections.abc import Callable, Sequence
from typing import Any

from flask import request

from gitlab_links.api.cursors import cut
from gitlab_links.api.schemas.common import BY_ID
from gitlab_links.errors import Invalid
from gitlab_links.paging import Position


def listed(name: str, query: dict[str, Any], page: Callable[..., Sequence[Any]]) -> dict[str, Any]:
    """One page of a list in the order of its ids, and ``next_cursor``.

    ``query`` is parsed by :class:`schemas.common.Page`; ``page`` takes ``after`` and ``limit``.
    """
    after = None if query["cursor"] is None else query["cursor"][1]
    rows = page(after=after, limit=query["limit"] + 1)
    rows, cursor = cut(rows, query["limit"], lambda row: BY_ID.encode(Position(row.id)))
    return {name: rows, "next_cursor": cursor}


def order_and_place(query: dict[str, Any]) -> tuple[str, Position | None]:
    """Order and position in a list with several orders; a cursor contains its order.

    Raises :class:`Invalid` for a cursor of another order than the one that is asked for.
    """
    if query["cursor"] is None:
        return str(query["sort"]), None
    order, position = query["cursor"]
    if request.args.get("sort", "").strip() not in {"", order}:
        why = "The cursor goes on in another order. Leave sort out, or begin without cursor."
        raise Invalid("Invalid fields: sort.", errors={"sort": [why]})
    return order, position
