"""Read GitLab's reason for a refused call, and the permissions that are missing.

Both are untrusted text: one line of visible characters, of limited length.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitlab_links.errors import DomainError
from gitlab_links.gitlab.json_body import parse_json
from gitlab_links.one_line import as_line

LONGEST_REASON = 250
MOST_PERMISSIONS = 10
_LARGEST_BODY = 20_000
_SAYS = ("message", "error_description", "error")
_PREFIX = re.compile(r"^40[13](?: (?:Forbidden|Unauthorized))?\s*[-:]?\s*", re.IGNORECASE)
# GitLab writes "[Work Item: Read]" or "[read_issue]".
_LISTED = re.compile(r"permissions?: \[([^\]]{1,400})\]")
_PERMISSION = re.compile(r"[A-Za-z][A-Za-z0-9_ :/-]{0,59}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """``granular``: a fine-grained token lacks ``permissions``; empty if GitLab names none."""

    reason: str | None = None
    granular: bool = False
    permissions: tuple[str, ...] = ()


def read_refusal(body: bytes) -> Refusal:
    """Read the body of a 401 or 403; empty if the body is not GitLab's JSON."""
    try:
        answer = parse_json(body[:_LARGEST_BODY])
    except DomainError:
        return Refusal()
    if not isinstance(answer, Mapping):
        return Refusal()
    reason = _reason(answer)
    granular = answer.get("error") == "insufficient_granular_scope"
    return Refusal(reason, granular, _permissions(reason) if granular else ())


def _reason(answer: Mapping[str, Any]) -> str | None:
    for name in _SAYS:
        value = answer.get(name)
        if isinstance(value, str):
            line = _PREFIX.sub("", as_line(value, LONGEST_REASON))
            if line:
                return line
    return None


def _permissions(reason: str | None) -> tuple[str, ...]:
    found = _LISTED.search(reason or "")
    listed = [word.strip() for word in found.group(1).split(",")] if found else []
    return tuple(word for word in listed if _PERMISSION.fullmatch(word))[:MOST_PERMISSIONS]
