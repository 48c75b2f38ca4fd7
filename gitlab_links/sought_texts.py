"""Texts to filter lists by: one limit and one set of characters, for pages, files and API."""

import re

MAX_LENGTH = 500
# No control characters but tabs and line breaks, nor U+FFFD, which stands for what is no text.
CHARACTERS = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]*$"
_TEXT = re.compile(CHARACTERS)
_BLANK = re.compile(r"[^\S\x0b\x0c\x1c-\x1f\x85]*")


def is_blank(text: str) -> bool:
    """Whether there is nothing but space in it: then it does not filter."""
    return _BLANK.fullmatch(text) is not None


def fault_of(text: str) -> str:
    """Why nothing can be sought by a text, as the end of a sentence; empty if it can."""
    if len(text) > MAX_LENGTH:
        return f"is longer than {MAX_LENGTH} characters"
    return "" if _TEXT.fullmatch(text) else "has a character that no list can be searched for"


def sought(text: str) -> str:
    """A text to filter by, without the space around it; empty if nothing can be sought by it."""
    return "" if fault_of(text) else text.strip()
