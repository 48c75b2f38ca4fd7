"""Split pasted text that names several items: a line for each, or several on a line."""

import re

from gitlab_links.gitlab.pasted_text import read_reference, unwrapped

# What a list begins its lines with: "- ", "* ", "1. ", "[x] ".
_BULLET = re.compile(r"^(?:[-*+\N{BULLET}]|[0-9]{1,3}[.)])\s+(?:\[[ xX]\]\s+)?")
_BETWEEN = re.compile(r"[\s,;]+")


def pasted_entries(text: str) -> list[str]:
    """The texts that each should name one item, in their order.

    A line is one text, except if each of its words names an item: a table or a sentence of
    addresses has several on a line. Empty lines count for nothing.
    """
    entries: list[str] = []
    for line in text.splitlines():
        entry = _BULLET.sub("", line.strip())
        words = [word for word in _BETWEEN.split(entry) if word]
        several = len(words) > 1 and all(_names_an_item(word) for word in words)
        entries += words if several else [entry] if entry else []
    return entries


def _names_an_item(word: str) -> bool:
    within = unwrapped(word)
    return within.startswith(("https://", "http://")) or read_reference(within) is not None
