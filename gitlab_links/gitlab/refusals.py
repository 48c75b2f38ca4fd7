"""What GitLab says of a call it refuses: a reason for people, and the rights that are missing.

Both are text from outside: one line, of visible characters, of bounded length.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitlab_links.errors import DomainError
from gitlab_links.gitlab.json_body import parse_json

LONGEST_REASON = 250
MOST_PERMISSIONS = 10
_LARGEST_BODY = 20_000
_SAYS = ("message", "error_description", "error")
_PREFIX = re.compile(r"^40[13](?: (?:Forbidden|Unauthorized))?\s*[-:]?\s*", re.IGNORECASE)
# Both ways in which GitLab has told it: "[Work Item: Read]" and "[read_issue]".
_LISTED = re.compile(r"permissions?: \[([^\]]{1,400})\]")
_PERMISSION = re.compile(r"[A-Za-z][A-Za-z0-9_ :/-]{0,59}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """``granular``: a fine-grained token lacks ``permissions``, as far as GitLab names them."""

    reason: str | None = None
    granular: bool = False
    permissions: tuple[str, ...] = ()


def read_refusal(body: bytes) -> Refusal:
    """Read the body of a 401 or 403; one that is not GitLab's JSON says nothing."""
    try:
        told = parse_json(body[:_LARGEST_BODY])
    except DomainError:
        return Refusal()
    if not isinstance(told, Mapping):
        return Refusal()
    reason = _reason(told)
    granular = told.get("error") == "insufficient_granular_scope"
    return Refusal(reason, granular, _permissions(reason) if granular else ())


def as_line(text: str, longest: int = LONGEST_REASON) -> str:
    """One line of visible characters; control and direction marks are left out."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[:2_000]).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _reason(told: Mapping[str, Any]) -> str | None:
    for name in _SAYS:
        value = told.get(name)
        if isinstance(value, str):
            line = _PREFIX.sub("", as_line(value))
            if line:
                return line
    return None


def _permissions(reason: str | None) -> tuple[str, ...]:
    found = _LISTED.search(reason or "")
    listed = [word.strip() for word in found.group(1).split(",")] if found else []
    return tuple(word for word in listed if _PERMISSION.fullmatch(word))[:MOST_PERMISSIONS]
