"""The rule for the web address of a task, for pages and API."""

import re

from gitlab_links.errors import Invalid

MAX_LENGTH = 500
# Only ASCII: no invisible characters, and none that imitate others. No user name or password
# before the host either, which could imitate another host.
PATTERN = (
    r"^[Hh][Tt][Tt][Pp][Ss]?://"
    r"(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?::[0-9]{1,5})?(?:[/?#][!-~]*)?$"
)
MESSAGE = "Enter a web address that starts with https:// or http://, in ASCII without spaces."
_URL = re.compile(PATTERN)


def is_web_url(text: str) -> bool:
    """Whether it is a web address. A ``javascript:`` address would run code as the reader."""
    return len(text) <= MAX_LENGTH and _URL.fullmatch(text) is not None


def checked_web_url(text: str | None) -> str | None:
    """The address of a task, or None; raises :class:`Invalid`."""
    if text is None or is_web_url(text):
        return text
    raise Invalid("The address of the task is malformed.", errors={"external_url": [MESSAGE]})
