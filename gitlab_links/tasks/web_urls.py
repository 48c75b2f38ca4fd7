"""The one rule for the web address of a task, for pages and API alike."""

import re

from gitlab_links.errors import Invalid

MAX_LENGTH = 500
# ASCII alone: no character that is invisible or looks like another. A name and a password
# before the host would make one host look like another, too.
PATTERN = (
    r"^[Hh][Tt][Tt][Pp][Ss]?://"
    r"(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?::[0-9]{1,5})?(?:[/?#][!-~]*)?$"
)
MESSAGE = (
    "Give a web address that starts with https:// or http://, of ASCII characters without spaces."
)
_URL = re.compile(PATTERN)


def is_web_url(text: str) -> bool:
    """Whether it opens a web page: a ``javascript:`` address would run in the reader's name."""
    return len(text) <= MAX_LENGTH and _URL.fullmatch(text) is not None


def checked_web_url(text: str | None) -> str | None:
    """The address of a task, None for none; raises :class:`Invalid`."""
    if text is None or is_web_url(text):
        return text
    raise Invalid("The address of the task was refused.", errors={"external_url": [MESSAGE]})
