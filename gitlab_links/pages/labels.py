"""Labels as GitLab draws them: readable on their own colour, scoped ones in two parts."""

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

AVATAR_COLOURS = 7
READABLE = 4.5

_HEX = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_UNKNOWN_COLOUR = "#737278"


@dataclass(frozen=True, slots=True)
class LabelView:
    """A label to draw: ``scope`` is what stands before the last ``::``, if anything does."""

    scope: str | None
    name: str
    color: str
    on_dark: bool


def label_view(label: Mapping[str, Any]) -> LabelView:
    """Read a cached label. An invalid colour becomes grey, because it ends up in markup."""
    name, color = str(label.get("name", "")), str(label.get("color", ""))
    if _HEX.fullmatch(color) is None:
        color = _UNKNOWN_COLOUR
    scope, separator, rest = name.rpartition("::")
    scoped = bool(separator and scope and rest)
    return LabelView(
        scope=scope if scoped else None,
        name=rest if scoped else name,
        color=color.lower(),
        on_dark=_white_reads_better(color),
    )


def _white_reads_better(color: str) -> bool:
    """GitLab uses white text also where it does not reach the 4.5:1 of WCAG; we do not.

    The better of white and black always has at least 4.58:1.
    """
    luminance = _luminance(color)
    return 1.05 / (luminance + 0.05) >= READABLE


def _luminance(color: str) -> float:
    digits = color[1:] if len(color) == 7 else "".join(2 * digit for digit in color[1:])
    red, green, blue = (_linear(int(digits[at : at + 2], 16) / 255) for at in (0, 2, 4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


def initials(name: str) -> str:
    """One or two letters for a person without a picture."""
    words = [word for word in re.split(r"[\s._-]+", name) if word]
    chosen = words[:1] + words[-1:] if len(words) > 1 else words[:1]
    return "".join(word[0] for word in chosen).upper() or "?"


def avatar_colour(name: str) -> int:
    """The number of a person's avatar colour, from their name: GitLab and we both know it."""
    known = " ".join(name.casefold().split())
    return zlib.crc32(known.encode()) % AVATAR_COLOURS
