"""The query parameters of item lists."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

from flask import request

from gitlab_links.demo.gitlab.records import Item, MergeRequest, Pipeline
from gitlab_links.demo.gitlab.rest import errors
from gitlab_links.gitlab.times import parse_time

Record = TypeVar("Record", Item, Pipeline)
# The order within equal values is by id, in the same direction.
ORDERS: dict[str, Callable[[Item], object]] = {
    "created_at": lambda item: item.id,
    "updated_at": lambda item: item.updated_at,
    "title": lambda item: item.title,
}


def filtered(items: Iterable[Item]) -> list[Item]:
    """Those with the iids that the request names, or all; changed since and until the requested
    times, inclusive; in the requested order, by default the newest first.
    """
    texts = request.args.getlist("iids[]")
    if not all(text.isascii() and text.isdecimal() for text in texts):
        raise errors.bad_parameter("iids")
    iids = {int(text) for text in texts}
    found = [item for item in items if not texts or item.iid in iids]
    found = [item for item in found if _is_in_state(item) and _is_searched(item)]
    found = [item for item in found if _is_as_confidential(item)]
    key = ORDERS[one_of("order_by", *ORDERS)]
    return ordered(changed(found), lambda item: (key(item), item.id))


def _is_searched(item: Item) -> bool:
    """Whether title and description, or what ``in`` names of them, have every word of ``search``,
    ignoring case. GitLab searches the texts of an issue together; of a merge request, one of them
    has to have all words.
    """
    words = request.args.get("search", "").lower().split()
    places = request.args.get("in", "title,description").split(",")
    texts = {"title": item.title.lower(), "description": item.description.lower()}
    searched = [text for place, text in texts.items() if place in places]
    if not isinstance(item, MergeRequest):
        searched = [" ".join(searched)]
    return not words or any(all(word in text for word in words) for text in searched)


def _is_as_confidential(item: Item) -> bool:
    """Whether it is what ``confidential`` asks for, if anything."""
    asked = request.args.get("confidential")
    return asked is None or getattr(item, "confidential", False) is flag("confidential")


def _is_in_state(item: Item) -> bool:
    state = one_of("state", "all", "opened", "closed", "merged", "locked")
    return state in ("all", item.state)


def changed(records: Iterable[Record]) -> list[Record]:
    """Those that changed from ``updated_after`` to ``updated_before``, both inclusive."""
    after, before = moment("updated_after"), moment("updated_before")
    return [
        one
        for one in records
        if (after is None or one.updated_at >= after)
        and (before is None or one.updated_at <= before)
    ]


def ordered(records: list[Record], key: Callable[[Record], object]) -> list[Record]:
    """In the requested direction, by default descending."""
    descending = one_of("sort", "desc", "asc") == "desc"
    return sorted(records, key=key, reverse=descending)  # type: ignore[arg-type]


def one_of(name: str, *values: str) -> str:
    """A parameter with one of these values, by default the first."""
    text = request.args.get(name, values[0])
    if text not in values:
        raise errors.bad_parameter(name, "does not have a valid value")
    return text


def moment(name: str) -> datetime | None:
    """A parameter that is a time, None where it is absent."""
    text = request.args.get(name)
    if text is None:
        return None
    found = parse_time(text)
    if found is None:
        raise errors.bad_parameter(name)
    return found


def flag(name: str) -> bool:
    """A boolean parameter, false where it is absent."""
    text = request.args.get(name, "false").lower()
    if text not in ("true", "false", "1", "0"):
        raise errors.bad_parameter(name)
    return text in ("true", "1")
