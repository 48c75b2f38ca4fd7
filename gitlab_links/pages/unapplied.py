"""Filters in an address that a list does not apply: its page names them, its file is refused.

A filter that the viewer's role does not have is named as one that there is not.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from flask import request
from werkzeug.datastructures import MultiDict

from gitlab_links.errors import Invalid
from gitlab_links.pages.unsent_forms import TICKET

# Which part of the list is shown, of which a file has all; and a form that was not accepted.
_PLACES = frozenset({"page", "after", "at", TICKET})
_SHOWN, _LONGEST = 5, 60


def unapplied(applied: Mapping[str, Any]) -> list[str]:
    """The filters of this address in words, but for those that are ``applied``: by name, with
    the value or values that the list has, None or empty for none.
    """
    found = [f"{name} “{_short(value)}”" for name, value in _left_out(request.args, applied)]
    more = len(found) - _SHOWN
    return [*found[:_SHOWN], f"and {more} more"] if more > 0 else found


def require_applied(applied: Mapping[str, Any]) -> None:
    """Raises Invalid that names them, if there are any."""
    if unapplied(applied):
        words = ", ".join(unapplied(applied))
        raise Invalid(
            f"There is no file, because this list has no such filter or choice: {words}. Correct "
            "the address, or leave this out.",
            errors={
                name: ["There is no such filter or choice."]
                for name, _ in _left_out(request.args, applied)
            },
        )


def _left_out(given: MultiDict[str, str], applied: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, texts in given.lists():
        values = [text for text in texts if text.strip()]
        if name not in _PLACES:
            yield from ((name, value) for value in _beyond(values, name, applied.get(name)))


def _beyond(values: list[str], name: str, applied: Any) -> list[str]:
    """Those behind the values that are applied: of most filters, a list takes the first."""
    if name == "sort":  # a list always has an order
        return values if values and values[0] != applied else values[1:]
    taken = len(applied) if isinstance(applied, tuple) else int(bool(applied))
    return values[taken:]


def _short(value: str) -> str:
    return value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…"
