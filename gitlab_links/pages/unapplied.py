"""Filters in an address that a list does not apply: its page names them, its file is refused.

A filter that the viewer's role does not have is named as one that there is not.
"""

from collections.abc import Mapping, Sequence
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
    return _in_words(_left_out(request.args, applied))


def require_applied(applied: Mapping[str, Any]) -> None:
    """Raises Invalid that names them, if there are any."""
    left_out = _left_out(request.args, applied)
    if left_out:
        words = ", ".join(_in_words(left_out))
        raise Invalid(
            f"There is no file, because this list has no such filter or choice: {words}. Correct "
            "the address, or leave this out.",
            errors={name: ["There is no such filter or choice."] for name, _ in left_out},
        )


def _in_words(left_out: Sequence[tuple[str, str]]) -> list[str]:
    found = [f"{name} “{_short(value)}”" for name, value in left_out]
    more = len(found) - _SHOWN
    return [*found[:_SHOWN], f"and {more} more"] if more > 0 else found


def _left_out(given: MultiDict[str, str], applied: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The names and values that are not applied."""
    return [
        (name, value)
        for name, texts in given.lists()
        if name not in _PLACES
        for value in _beyond([text for text in texts if text.strip()], name, applied.get(name))
    ]


def _beyond(values: list[str], name: str, applied: Any) -> list[str]:
    """Those behind the values that are applied: of most filters, a list takes the first."""
    if name == "sort":  # a list always has an order
        return values if values and values[0] != applied else values[1:]
    taken = len(applied) if isinstance(applied, tuple) else int(bool(applied))
    return values[taken:]


def _short(value: str) -> str:
    return value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…"
