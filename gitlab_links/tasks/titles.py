"""The one rule for titles of tasks, whichever door they come by."""

import re
import unicodedata

from gitlab_links.gitlab.json_body import REPLACEMENT
from gitlab_links.one_line import named_sign

MAX_TITLE = 255
# Control characters, what is invisible or changes the writing direction, and noncharacters.
_HIDDEN = (
    r"\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u200b\u200e\u200f\u2028-\u202e"
    r"\u2060-\u206f\u3164\ufdd0-\ufdef\ufeff\uffa0\ufff0-\uffff"
)
# Not as the first sign: blanks, what shapes the sign before it, in emoji and some scripts, and
# what is for private use, which is seen with certain fonts only.
_BLANK = (
    r"\x20\xa0\u1680\u180b-\u180f\u2000-\u200a\u200c\u200d\u202f\u205f\u2800\u3000\ue000-\uf8ff"
    r"\ufe00-\ufe0f"
)
TITLE = rf"^[^{_HIDDEN}{_BLANK}][^{_HIDDEN}]*$"
# Of England, Scotland and Wales: a black flag, and signs that are invisible elsewhere.
_FLAGS = re.compile(
    "|".join(
        "\U0001f3f4" + "".join(chr(0xE0000 + ord(letter)) for letter in place) + "\U000e007f"
        for place in ("gbeng", "gbsct", "gbwls")
    )
)
_BEGINS_BLANK = re.compile(f"[{_BLANK}\U000e0100-\U000e01ef\U000f0000-\U0010fffd]")
_IS_HIDDEN = re.compile(f"[{_HIDDEN}\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]")
# Of JSON nobody knows any more which it was.
_REPLACED = "NUL, half of a surrogate pair, or U+FFFD, which stands for them"


def title_problem(title: str) -> str | None:
    """What is wrong with the signs of a title, if anything.

    ``TITLE`` is what the contract can say of it: some signs above U+FFFF are invisible, too.
    """
    hidden = next((sign for sign in _FLAGS.sub("", title) if _is_hidden(sign)), None)
    if hidden is not None:
        return f"A title must not contain {named_in_text(hidden)}."
    return "Start with a visible character." if _BEGINS_BLANK.match(title) else None


def named_in_text(sign: str) -> str:
    """What a refused sign was: JSON is read with one sign in the place of three."""
    return _REPLACED if sign == REPLACEMENT else named_sign(sign)


def _is_hidden(sign: str) -> bool:
    if sign <= "\uffff":
        return _IS_HIDDEN.match(sign) is not None
    is_noncharacter = ord(sign) & 0xFFFE == 0xFFFE
    is_format = unicodedata.category(sign) == "Cf"
    return is_noncharacter or is_format or _IS_HIDDEN.match(sign) is not None
