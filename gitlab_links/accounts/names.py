"""The one rule for names: of people, programs, keys, orgs and views."""

import re

from gitlab_links.errors import Invalid

MAX_NAME = 100
# No control characters, and none that are invisible or change the writing direction.
NAME = (
    r"^[^\x00-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2000-\u200f"
    r"\u2028-\u202f\u205f-\u206f\u3000\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffd]*$"
)
_NAME = re.compile(NAME)


def checked_name(name: str, longest: int = MAX_NAME) -> str:
    """The name without surrounding blanks; raises :class:`Invalid`.

    ``NAME`` is what the contract can say of it. Beyond that, some signs above U+FFFF are invisible.
    """
    name = name.strip()
    visible = _NAME.fullmatch(name) is not None and name.isprintable()
    if not 0 < len(name) <= longest or not visible:
        words = f"Enter a name of 1 to {longest} characters, none of them invisible."
        raise Invalid(words, errors={"name": [words]})
    return name
