"""The name of a task's branch, by the template of its org.

GitLab's branches are found by the task key in their name, so every name has one that counts as a
mention: behind the start or a separator, and followed by none or one.
"""

import re
import unicodedata

from gitlab_links.errors import Invalid

DEFAULT_TEMPLATE = "{key}-{title}"
MAX_TEMPLATE = 100
# Nothing, or {key} once: behind the start or a separator, and before a separator or the end.
PATTERN = (
    r"^(?:(?:(?:[A-Za-z0-9_./-]|\{title\})*[_./-])?\{key\}"
    r"(?:[_./-](?:[A-Za-z0-9_./-]|\{title\})*)?)?$"
)
MESSAGE = (
    "Use letters, digits, '-', '_', '.' and '/', with {key} once for the task's reference and "
    "{title} for its title. Put a separator before and behind {key}."
)
_TEMPLATE = re.compile(PATTERN)
_LONGEST_TITLE = 50
_LOCK = ".lock"


def checked_template(text: str) -> str:
    """The template; empty for the default. Raises :class:`Invalid`."""
    text = text.strip()
    if len(text) > MAX_TEMPLATE or _TEMPLATE.fullmatch(text) is None:
        raise Invalid("The org was not changed.", errors={"branch_template": [MESSAGE]})
    return text


def branch_name(template: str | None, reference: str, title: str) -> str:
    """A name that git takes: ``acme-12-ship-the-release`` for ACME-12, "Ship the release!"."""
    filled = (template or DEFAULT_TEMPLATE).replace("{title}", _slug(title))
    filled = filled.replace("{key}", reference.lower())
    parts = [_tidy(part) for part in filled.split("/")]
    return "/".join(part for part in parts if part)


def _slug(title: str) -> str:
    """Words in small ASCII letters and digits; titles in other scripts have few or none."""
    plain = unicodedata.normalize("NFKD", title.casefold()).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", plain)
    while len(words) > 1 and len("-".join(words)) > _LONGEST_TITLE:
        words.pop()
    return "-".join(words)[:_LONGEST_TITLE]


def _tidy(part: str) -> str:
    """Without what an empty title leaves behind, and what git refuses."""
    part = re.sub(r"([-_.])[-_.]*", r"\1", part).strip("-_.")
    while part.endswith(_LOCK):
        part = part.removesuffix(_LOCK)
    return part
