"""Read which tasks an item's texts mention, close or take back. Pure.

The result is what is stored with the item: the tasks found by field, and not the text.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from gitlab_links.gitlab.snapshot import UNKNOWN, ItemText
from gitlab_links.mentions.pattern import KeyPattern, TaskName
from gitlab_links.mentions.prose import prose_of

# An item that names more tasks than this is a list of tasks, and links none of them.
MAX_TASKS = 20
TITLE, DESCRIPTION, SOURCE_BRANCH = "title", "description", "source_branch"
FIELDS = (TITLE, DESCRIPTION, SOURCE_BRANCH)
# Stored by ``comments.store_comment`` and not read with an item's texts.
COMMENT = "comment"

# GitLab's own closing words, of its default pattern.
_CLOSES = re.compile(
    r"(?<![A-Za-z0-9_])(?:[Cc]los(?:e[sd]?|ing)|[Ff]ix(?:e[sd]|ing)?|[Rr]esolv(?:e[sd]?|ing)"
    r"|[Ii]mplement(?:s|ed|ing)?):?[ \t]{1,9}(?:issues?[ \t]{1,9})?"
)
_SKIPS = re.compile(r"(?<![A-Za-z0-9_])[Ss]kip:?[ \t]{1,9}")
_BETWEEN = re.compile(
    r"[ \t]{0,9},?[ \t]{1,9}and[ \t]{1,9}|[ \t]{0,9},[ \t]{0,9}|[ \t]{1,9}",
)
# What else such a list may have: GitLab's references and addresses, keys of other trackers.
_OTHER = re.compile(
    r"[A-Za-z0-9_./-]{0,255}[#!][1-9][0-9]{0,18}(?![A-Za-z0-9_])"
    r"|https?://[^\s,<>()]{1,500}|[A-Z][A-Z0-9_]{1,30}-[0-9]{1,9}(?![A-Za-z0-9_])"
)
_ADDRESS = re.compile(r"\]\([^\s()]{1,500}\)")
_REVERT = 'Revert "'

# As JSON: field names with lists of tasks under ``mentions``, ``closes`` and ``skips``, and
# ``revert`` if the title says so. All fields are ``too_many`` if together they name too many.
Stored = dict[str, dict[str, Any]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FieldMentions:
    """The tasks that one field mentions, is said to close, and takes back."""

    mentions: frozenset[TaskName] = frozenset()
    closes: frozenset[TaskName] = frozenset()
    skips: frozenset[TaskName] = frozenset()

    def stored(self) -> dict[str, Any]:
        """As JSON with sorted lists; empty if nothing is mentioned."""
        if self is NOTHING:
            return {}
        if len((self.mentions | self.closes) - self.skips) > MAX_TASKS:
            return {"too_many": True}
        lists = {"mentions": self.mentions, "closes": self.closes, "skips": self.skips}
        return {name: in_order(tasks) for name, tasks in lists.items() if tasks}


# What most texts mention: there is one of it, because each webhook is read.
NOTHING = FieldMentions()


def in_order(tasks: Iterable[TaskName]) -> list[TaskName]:
    """Numbers before ids, each in order."""
    return sorted(tasks, key=lambda task: (isinstance(task, str), task))


def read_mentions(text: ItemText, pattern: KeyPattern, before: Stored | None = None) -> Stored:
    """The mentions in an item's texts, by field; an empty one if there are none.

    A field that the source does not have is as it was ``before``.
    """
    known, found = before or {}, {}
    comments = {COMMENT: known[COMMENT]} if COMMENT in known else {}
    for field in FIELDS:
        value = getattr(text, field)
        read = known.get(field) if value is UNKNOWN else read_field(field, value, pattern).stored()
        if read:
            found[field] = read
    if not found:
        return comments
    if has_too_many(found):
        return {field: {"too_many": True} for field in found} | comments
    if isinstance(text.title, str) and text.title.startswith(_REVERT):
        found[TITLE] = found.get(TITLE, {}) | {"revert": True}
    return found | comments


def read_field(field: str, value: str | None, pattern: KeyPattern) -> FieldMentions:
    """The mentions in one field."""
    if not value:
        return NOTHING
    if field == SOURCE_BRANCH:
        return FieldMentions(mentions=frozenset(pattern.in_branch(value)))
    return read_prose(value, pattern)


def read_prose(value: str, pattern: KeyPattern) -> FieldMentions:
    """The mentions in Markdown."""
    if not pattern.may_be_in(value):
        return NOTHING
    prose = prose_of(value)
    skips = frozenset(_listed(prose, _SKIPS, pattern))
    closes = frozenset(_listed(prose, _CLOSES, pattern))
    named = frozenset(key.task for key in pattern.in_prose(prose))
    return FieldMentions(named - closes - skips, closes - skips, skips)


def _listed(prose: str, word: re.Pattern[str], pattern: KeyPattern) -> Iterator[TaskName]:
    """The tasks in the lists that follow a word: all of a list, on one line."""
    for found in word.finditer(prose):
        place: int | None = found.end()
        while place is not None:
            bracket = prose.startswith("[", place)
            key = pattern.at(prose, place + bracket)
            if key is not None:
                yield key.task
                end = _after_link(prose, key.end) if bracket else key.end
            else:
                other = _OTHER.match(prose, place)
                if other is None:
                    break
                end = other.end()
            between = _BETWEEN.match(prose, end)
            place = None if between is None else between.end()


def _after_link(prose: str, end: int) -> int:
    """Where a key in brackets ends, with the address of a link if there is one."""
    address = _ADDRESS.match(prose, end)
    if address is not None:
        return address.end()
    return end + prose.startswith("]", end)


@dataclass(frozen=True, slots=True)
class Mention:
    """One mentioned task: the fields that mention it, and whether one of them closes it."""

    fields: tuple[str, ...]
    closes: bool


def has_too_many(stored: Stored) -> bool:
    """Whether the item names so many tasks that none of them is linked."""
    if any(found.get("too_many") for found in stored.values()):
        return True
    return len(named_tasks(stored) - taken_back(stored)) > MAX_TASKS


def named_tasks(stored: Stored) -> set[TaskName]:
    """Every task that a field mentions or closes, also if another field takes it back."""
    return _names(stored, "mentions") | _names(stored, "closes")


def taken_back(stored: Stored) -> set[TaskName]:
    """Every task that a field takes back."""
    return _names(stored, "skips")


def all_names(stored: Stored) -> set[TaskName]:
    """Every task that is named at all."""
    return named_tasks(stored) | taken_back(stored)


def _names(stored: Stored, kind: str) -> set[TaskName]:
    return {task for found in stored.values() for task in found.get(kind, ())}


def mentions_of(stored: Stored, tasks: Mapping[TaskName, T]) -> dict[T, Mention]:
    """What is mentioned, of the ``tasks`` that exist, by their names.

    Two names may be of one task: its number, and its id in an address. What one field takes
    back is taken back in all, and an item that reverts another closes nothing.
    """
    if has_too_many(stored):
        return {}
    reverts = any(found.get("revert") for found in stored.values())
    skipped = {tasks[name] for name in taken_back(stored) if name in tasks}
    fields: dict[T, list[str]] = {}
    closed: set[T] = set()
    for field, found in stored.items():
        for kind in ("mentions", "closes"):
            for name in found.get(kind, ()):
                task = tasks.get(name)
                if task is None or task in skipped:
                    continue
                if field not in fields.setdefault(task, []):
                    fields[task].append(field)
                if kind == "closes" and not reverts:
                    closed.add(task)
    return {
        task: Mention(tuple(sorted(where, key=_place)), task in closed)
        for task, where in fields.items()
    }


def _place(field: str) -> int:
    return FIELDS.index(field) if field in FIELDS else len(FIELDS)
