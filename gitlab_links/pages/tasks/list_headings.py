"""The headings of the list of tasks that order it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace

from gitlab_links.finding.list_query import ListOrder, ListQuery
from gitlab_links.pages.tasks.view_links import list_url

# Which orders each heading has, the first one first, and how each runs.
_ORDERS: Mapping[str, Mapping[ListOrder, str]] = {
    "number": {ListOrder.NEWEST: "descending", ListOrder.OLDEST: "ascending"},
    "title": {ListOrder.TITLE: "ascending"},
    "due": {ListOrder.DUE: "ascending"},
    "updated": {ListOrder.UPDATED: "descending"},
}
_TEXTS = {"number": "Task", "title": "Title", "due": "Due", "updated": "Updated"}
_HINTS = {
    ListOrder.NEWEST: "Newest first",
    ListOrder.OLDEST: "Oldest first",
    ListOrder.TITLE: "By title",
    ListOrder.DUE: "What is due first",
    ListOrder.UPDATED: "Last updated first",
}


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading that leads to the list in its order; ``sorted`` is a value of ``aria-sort``, and
    ``hint`` the order that one gets.
    """

    text: str
    url: str
    sorted: str
    hint: str


def list_headings(org_id: uuid.UUID, query: ListQuery) -> Mapping[str, Heading]:
    """Those of this list. A heading that orders it already leads to its other order, if any."""
    plain = ListQuery(**{name: getattr(query, name) for name in ListQuery.__slots__})
    now = ListOrder(query.sort)
    found = {}
    for name, orders in _ORDERS.items():
        others = [order for order in orders if order is not now]
        wanted = others[0] if others else now
        url = list_url(org_id, replace(plain, sort=wanted.value))
        found[name] = Heading(_TEXTS[name], url, orders.get(now, "none"), _HINTS[wanted])
    return found
