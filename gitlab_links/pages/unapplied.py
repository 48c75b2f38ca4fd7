"""What a page does not apply of its address: it says so, and the file of a list is refused.

A filter that the viewer's role does not have is named as one that there is not. The fields of
texts keep what was typed, also if nothing can be sought by it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from flask import request
from werkzeug.datastructures import MultiDict

from gitlab_links.errors import Invalid
from gitlab_links.pages.unsent_forms import TICKET
from gitlab_links.sought_texts import fault_of, is_blank

# Which part of a list is shown: behind a row, or by number. A file has all.
BEHIND, _NUMBERED = ("after", "at"), ("page",)
_SHOWN, _LONGEST = 5, 60

Text = str | tuple[str, ...]


def unapplied(
    applied: Mapping[str, Any], page: int | None = None, places: Collection[str] = ()
) -> str:
    """What of this address is not applied, in sentences; empty if all is.

    ``applied`` has, by name, the value or values that the list has, None or empty for none;
    ``page`` is the page that is shown, of a list whose pages have numbers, and ``places`` are the
    names by which another one goes on.
    """
    known = places if page is None else _NUMBERED
    words = list(_sentences(_left_out(request.args, applied, known)))
    if words:
        words = ["Not every filter in the address is applied.", *words]
    asked = request.args.get("page", "")
    if page is not None and not is_blank(asked) and asked != str(page):
        words = [f"This list has no page “{_short(asked)}”. This is page {page}.", *words]
    return " ".join(words)


def require_applied(applied: Mapping[str, Any]) -> None:
    """Raises Invalid that names them, if there are any."""
    left_out = _left_out(request.args, applied, (*BEHIND, *_NUMBERED))
    if left_out:
        words = " ".join(_sentences(left_out))
        raise Invalid(
            f"There is no file, because not every filter in the address is applied. {words} "
            "Correct the address, or leave this out.",
            errors={name: [f"{_reason(value)}."] for name, value in left_out},
        )


def typed_texts(applied: Mapping[str, Text]) -> dict[str, Text]:
    """What fields show, by name: what is applied, or else what this address has."""
    return {name: _typed(name, value) for name, value in applied.items()}


def _typed(name: str, applied: Text) -> Text:
    if isinstance(applied, tuple):
        return tuple(text.strip() for text in request.args.getlist(name) if not is_blank(text))
    return applied or request.args.get(name, "")


def _sentences(left_out: Sequence[tuple[str, str]]) -> Iterator[str]:
    """One for each reason."""
    for reason in dict.fromkeys(_reason(value) for _, value in left_out):
        named = [one for one in left_out if _reason(one[1]) == reason]
        yield f"{reason}: {', '.join(_in_words(named))}."


def _reason(value: str) -> str:
    fault = fault_of(value)
    return f"This {fault}" if fault else "There is no such filter or choice"


def _in_words(left_out: Sequence[tuple[str, str]]) -> list[str]:
    found = [f"{name} “{_short(value)}”" for name, value in left_out]
    more = len(found) - _SHOWN
    return [*found[:_SHOWN], f"and {more} more"] if more > 0 else found


def _left_out(
    given: MultiDict[str, str], applied: Mapping[str, Any], places: Collection[str]
) -> list[tuple[str, str]]:
    """The names and values that are not applied; ``places`` and a form not accepted are none."""
    return [
        (name, value)
        for name, texts in given.lists()
        if name not in places and name != TICKET
        for value in _beyond([text for text in texts if not is_blank(text)], name, applied)
    ]


def _beyond(values: list[str], name: str, applied: Mapping[str, Any]) -> list[str]:
    """Those behind the values that are applied: of most filters, a list takes the first."""
    has = applied.get(name)
    if name == "sort":  # a list always has an order
        return values if values and values[0] != has else values[1:]
    if isinstance(has, tuple):
        rest = list(has)
        return [value for value in values if not _taken(value.strip(), rest)]
    return values[int(bool(has)) :]


def _taken(value: str, rest: list[str]) -> bool:
    """Whether it is one of the rest, which it then leaves."""
    found = value in rest
    if found:
        rest.remove(value)
    return found


def _short(value: str) -> str:
    shown = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in value)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"
