"""Extract the address or reference of an item from pasted text.

Chats, mails and documents put an address in brackets, end a sentence after it, or leave out
its ``https://``. GitLab's own *Copy reference* gives ``group/project#1``.
"""

import re
from dataclasses import dataclass

MAX_PASTED_LENGTH = 10_000
_MOST_WRAPPERS = 10
_SENTENCE_ENDS = ".,;:!?\N{HORIZONTAL ELLIPSIS}。，、；：！？"  # noqa: RUF001 - as typed
# No address or reference begins with one of the first or ends with one of the second.
_OPENING = "<([{\"'`*“„‘‚«‹（【"  # noqa: RUF001
_CLOSING = ">)]}\"'`*”“’‘»›）】"  # noqa: RUF001
_WRAPPERS = tuple(zip(_OPENING, _CLOSING, strict=True))
_LINK_TITLE = re.compile(r"""(?<=\S)\s+(?:"[^"]*"|'[^']*'|\([^()]*\))\s*""")
_REFERENCE = re.compile(r"(?P<path>[^\s#!&?:]+)(?P<sigil>[#!&])(?P<number>[0-9]+)(?:\+s?)?")
_NAMED_REFERENCE = re.compile(
    r"\[(?P<name>issue|work_item|merge_request|epic):(?P<path>[^\s\]]+)/(?P<number>[0-9]+)\]"
)
# What follows is the value of a parameter. Without it the address may name another item.
_NAME_OF_VALUE = re.compile(r"[?&]\w+=$")
_SIGILS = {"issue": "#", "work_item": "#", "merge_request": "!", "epic": "&"}
_HOST_FIRST = re.compile(r"(?P<authority>(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?)(?=[/?#]|$)")


@dataclass(frozen=True, slots=True)
class Reference:
    """The unchecked parts of ``group/project#1``; ``&`` is the sigil of an epic."""

    path: str
    sigil: str
    number: str


def unwrapped(text: str) -> str:
    """The address or reference without ``<url>``, ``[text](url)``, quotes, blanks and the
    marks that end a sentence. One of a pair of brackets or quotes may be missing.
    """
    for _ in range(_MOST_WRAPPERS):
        within = _within_one_wrapper(text.strip())
        if within == text or _NAME_OF_VALUE.search(within) is not None:
            break
        text = within
    return text


def _within_one_wrapper(text: str) -> str:
    shorter = text.rstrip(_SENTENCE_ENDS)
    if shorter != text:
        return shorter
    if _NAMED_REFERENCE.fullmatch(text) is not None:
        return text
    for opening, closing in _WRAPPERS:
        if len(text) > 1 and text.startswith(opening) and text.endswith(closing):
            # Some chats write <url|text>.
            return text[1:-1].partition("|")[0] if opening == "<" else text[1:-1]
    if text.startswith(("[", "![")) and text.endswith(")") and text.count("](") == 1:
        target = text[:-1].partition("](")[2]
        title = _LINK_TITLE.search(target)
        return target[: title.start()] if title and title.end() == len(target) else target
    return _without_half_a_pair(text)


def _without_half_a_pair(text: str) -> str:
    """Text copied from within a sentence often has only one of two brackets or quotes."""
    for opening, closing in _WRAPPERS:
        if text.endswith(closing) and _lacks_its_pair(text, closing, opening):
            return text[:-1]
        if text.startswith(opening) and _lacks_its_pair(text, opening, closing):
            return text[1:]
    return text


def _lacks_its_pair(text: str, mark: str, other: str) -> bool:
    if mark == other:
        return text.count(mark) % 2 == 1
    return text.count(mark) > text.count(other)


def read_reference(text: str) -> Reference | None:
    """The parts of ``group/project#1``, ``group/project!2`` or ``[issue:group/project/1]``."""
    named = _NAMED_REFERENCE.fullmatch(text)
    if named is not None:
        return Reference(named["path"], _SIGILS[named["name"]], named["number"])
    match = _REFERENCE.fullmatch(text)
    return None if match is None else Reference(match["path"], match["sigil"], match["number"])


def begins_with_host(text: str, authority: str) -> bool:
    """Whether the text is an address without its scheme: it begins with ``authority``
    (``host[:port]``), or with something that can only be a host.
    """
    match = _HOST_FIRST.match(text)
    if match is None:
        return False
    return match["authority"].lower() == authority or any(sign in match[0] for sign in ".:[")


def short_reference(text: str) -> Reference | None:
    """The parts of ``app#3``, which leaves out the groups of a project; None if it is not one.

    ``group&1`` leaves out nothing: an epic belongs to a group.
    """
    if len(text) > MAX_PASTED_LENGTH:
        return None
    found = read_reference(unwrapped(text))
    return None if found is None or found.sigil == "&" or "/" in found.path else found
