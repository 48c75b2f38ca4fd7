"""What the audit log keeps of a change, in words."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from gitlab_links.accounts.roles import Role
from gitlab_links.gitlab.error_codes import facts_of
from gitlab_links.pages.viewer import ROLE_NAMES

_IN_CAPITALS = {"url": "URL", "iid": "IID", "api": "API"}


def details_of(stored: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """Names and values; that there was no error is left out."""
    return [
        (_in_words(name), _value(name, value))
        for name, value in stored.items()
        if not (name == "error_code" and value is None)
    ]


def _value(name: str, value: Any) -> str:
    if name == "changed" and isinstance(value, list):
        return ", ".join(_in_words(str(field)) for field in value)
    if name == "error_code" and isinstance(value, str):
        return facts_of(value).summary
    if name == "role":
        with suppress(ValueError):
            return ROLE_NAMES[Role(value)]
    return _as_text(value)


def _in_words(name: str) -> str:
    return " ".join(_IN_CAPITALS.get(word, word) for word in name.split("_"))


def _as_text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, list):
        return ", ".join(_as_text(entry) for entry in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
