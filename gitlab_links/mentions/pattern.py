"""An org's task keys as one compiled pattern, for prose and for the names of branches. Pure.

Only the org's own keys are looked for, so UTF-8, SHA-256 and CVE-2026-1 are no tasks.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

# A task by its number, or by its id in the address of its page.
TaskName = int | str

_NUMBER = r"[1-9][0-9]{0,8}"
_UUID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"


@dataclass(frozen=True, slots=True)
class Key:
    """A key that a text names, from ``start`` to ``end``."""

    task: TaskName
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class KeyPattern:
    """What names a task of an org, and whether it wants comments to mention tasks, too. Make one
    with :func:`pattern_of`, which keeps it.
    """

    reads_comments: bool
    _path: str
    _hint: re.Pattern[str]
    _prose: re.Pattern[str]
    _branch: re.Pattern[str]

    def may_be_in(self, text: str) -> bool:
        """Whether it is worth reading the text. Much cheaper than reading it."""
        return self._path in text or self._hint.search(text) is not None

    def in_prose(self, text: str) -> Iterator[Key]:
        """The keys in a text, in order; those in capitals as the org has them."""
        return (_key(found) for found in self._prose.finditer(text))

    def at(self, text: str, position: int) -> Key | None:
        """The key that begins at this position of a text."""
        found = self._prose.match(text, position)
        return None if found is None else _key(found)

    def in_branch(self, name: str) -> set[TaskName]:
        """The tasks that the name of a branch begins with or has as parts, in any case."""
        return {int(found["number"]) for found in self._branch.finditer(name)}


def _key(found: re.Match[str]) -> Key:
    number = found["number"] or found["number_in_url"]
    task: TaskName = int(number) if number else found["id"].lower()
    return Key(task, found.start(), found.end())


def _hint_of(keys: tuple[str, ...]) -> re.Pattern[str]:
    """A hyphen between a key and a digit. It begins with the hyphen, which the search jumps to,
    and looks back for all keys of a length at once: a seventh of the time that comparing each
    hyphen's surroundings took.
    """
    by_length = groupby(sorted(keys, key=len), key=len)
    before = "|".join(rf"(?<=(?:{'|'.join(map(re.escape, group))})-)" for _, group in by_length)
    return re.compile(rf"-(?=[1-9])(?:{before})")


@lru_cache(maxsize=512)
def pattern_of(keys: tuple[str, ...], task_url: str, *, reads_comments: bool = False) -> KeyPattern:
    """The pattern of these keys, the present one and former ones.

    ``task_url`` is the address of a task's page without its reference, ending in a slash. One
    pattern is compiled for an org, and again only if its keys change.
    """
    any_key = "|".join(re.escape(key) for key in sorted(keys, key=len, reverse=True))
    in_url = (
        rf"(?i:{re.escape(task_url)}(?:(?P<id>{_UUID})|(?:{any_key})-(?P<number_in_url>{_NUMBER})))"
    )
    prose = (
        rf"(?<![A-Za-z0-9_./-])(?:{any_key})-(?P<number>{_NUMBER})(?![A-Za-z0-9_])(?!-[0-9])"
        rf"|(?<![A-Za-z0-9_]){in_url}(?![A-Za-z0-9_-])"
    )
    # 5.2 is a version and no number of a task.
    branch = rf"(?:^|(?<=[/_.-]))(?:{any_key})-(?P<number>{_NUMBER})(?![^\W_])(?!\.[0-9])"
    path = task_url.partition("://")[2].partition("/")[2]
    return KeyPattern(
        reads_comments,
        f"/{path}",
        _hint_of(keys),
        re.compile(prose),
        re.compile(branch, re.IGNORECASE),
    )
