"""The body of a delivery for people: indented JSON, and the changes it names."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gitlab_links.errors import BadRequest, BodyTooLarge
from gitlab_links.gitlab.json_body import parse_json

MAX_PARSED_BYTES = 1024 * 1024
MAX_SHOWN = 100_000
MAX_VALUE = 200
MAX_CHANGES = 30


@dataclass(frozen=True, slots=True)
class Change:
    """A changed field, with its values as text."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class BodyView:
    """``text`` is None once the body has been deleted; ``cut`` is set when it was shortened."""

    text: str | None
    cut: bool
    changes: Sequence[Change]


def body_view(payload: bytes | None) -> BodyView:
    """Read a stored body. One that is not JSON, or over 1 MiB, is shown as it was received."""
    if payload is None:
        return BodyView(None, cut=False, changes=())
    value = _parsed(payload)
    if value is None:
        text = payload[: MAX_SHOWN * 4].decode("utf-8", "replace")
    else:
        text = json.dumps(value, indent=2, ensure_ascii=False)
    return BodyView(text[:MAX_SHOWN], cut=len(text) > MAX_SHOWN, changes=_changes(value))


def _parsed(payload: bytes) -> Any:
    if len(payload) > MAX_PARSED_BYTES:
        return None
    try:
        return parse_json(payload)
    except (BadRequest, BodyTooLarge):
        return None


def _changes(value: Any) -> list[Change]:
    """GitLab's ``changes``: field to ``{"previous": ..., "current": ...}``."""
    changes = value.get("changes") if isinstance(value, Mapping) else None
    if not isinstance(changes, Mapping):
        return []
    return [
        Change(str(field), _as_text(change.get("previous")), _as_text(change.get("current")))
        for field, change in list(changes.items())[:MAX_CHANGES]
        if isinstance(change, Mapping)
    ]


def changes_here(changes: Mapping[str, Any] | None) -> list[Change]:
    """The fields of the cached item that a delivery changed."""
    return [
        Change(name.removesuffix("_id").replace("_", " "), _as_text(before), _as_text(after))
        for name, (before, after) in (changes or {}).items()
    ]


def _as_text(value: Any) -> str:
    if value in (None, "", []):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return _cut(", ".join(_named(entry) for entry in value))
    return _cut(_named(value))


def _named(value: Any) -> str:
    if isinstance(value, Mapping):
        for name in ("title", "name", "username", "id"):
            if value.get(name):
                return str(value[name])
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 1] + "…"
