"""The labels, people and milestones that items have had. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from itertools import chain
from typing import Any
from uuid import UUID

from gitlab_links.search.words import ROLES, digest_of

# A filter takes no longer value.
LONGEST_VALUE = 200
COLUMNS = ("assignees", "reviewers", "author", "labels", "milestone")


class FactKind(StrEnum):
    """What kind of value it is, by the name of the filter."""

    PERSON = "person"
    LABEL = "label"
    MILESTONE = "milestone"


# Org, kind, value and name.
Fact = tuple[UUID, str, str, str]


def facts_of(items: Iterable[Mapping[str, Any]]) -> set[Fact]:
    """The values that these items have."""
    return {(item["org_id"], *fact) for item in items for fact in _facts(item)}


def rows_of(facts: Iterable[Fact]) -> list[dict[str, Any]]:
    """Their columns, in one order: of locks, too."""
    return [_row(*one) for one in sorted(facts)]


def people_of(item: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The people of an item by what they are of it."""
    author = [item["author"]] if item["author"] else []
    them = (item["assignees"] or [], item["reviewers"] or [], author)
    return dict(zip(ROLES, them, strict=True))


def typed_key(text: str) -> str:
    """A text as it is compared with the keys."""
    return " ".join(text.casefold().split())


def _facts(item: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Kind, value and name."""
    for label in item["labels"] or []:
        yield from _fact(FactKind.LABEL, label.get("name"))
    yield from _fact(FactKind.MILESTONE, item["milestone"])
    for person in chain.from_iterable(people_of(item).values()):
        name = str(person.get("name") or "")[:LONGEST_VALUE]
        yield from _fact(FactKind.PERSON, person.get("username"), name)


def _fact(kind: FactKind, value: Any, name: str = "") -> Iterator[tuple[str, str, str]]:
    if isinstance(value, str) and 0 < len(value) <= LONGEST_VALUE:
        yield kind.value, value, name


def _row(org_id: UUID, kind: str, value: str, name: str) -> dict[str, Any]:
    return {
        "org_id": org_id,
        "kind": kind,
        "value": value,
        "name": name,
        "key": typed_key(f"{value} {name}"),
        # GitLab's user names ignore case, see ``person_word``.
        "digest": digest_of(value.lower() if kind == FactKind.PERSON else value),
    }
