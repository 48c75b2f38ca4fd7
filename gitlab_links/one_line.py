"""Untrusted text, such as GitLab's or a mail server's, as one line."""

import unicodedata

_MOST_READ = 2_000
# Unicode has no names for these; people paste them from tables and documents.
_CONTROLS = {
    "\0": "NUL",
    "\t": "a tab",
    "\n": "a line break",
    "\r": "a line break",
    "\v": "a vertical tab",
    "\f": "a form feed",
}


def as_line(text: str, longest: int) -> str:
    """One line of visible characters, without control and direction marks."""
    shown = "".join(c if c.isprintable() else " " for c in text[:_MOST_READ])
    line = " ".join(shown.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def named_sign(sign: str) -> str:
    """A character that may be invisible, or resemble another, by its name and number."""
    name = _CONTROLS.get(sign) or unicodedata.name(sign, "a character without a name")
    return f"{name} (U+{ord(sign):04X})"
