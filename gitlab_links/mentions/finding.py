"""Find the items, not linked so far, that mention a task that exists."""

import uuid
from collections.abc import Iterable
from typing import TypeVar

from gitlab_links.gitlab.snapshot import ItemText
from gitlab_links.mentions.attaching import tasks_named
from gitlab_links.mentions.pattern import KeyPattern
from gitlab_links.mentions.reading import all_names, mentions_of, read_mentions

T = TypeVar("T")


def mentioning(
    org_id: uuid.UUID, candidates: Iterable[tuple[T, ItemText]], pattern: KeyPattern
) -> list[T]:
    """Those whose texts mention a task of the org that exists, in their order.

    Costs no statement if no text names one, which the compiled pattern decides; else one.
    """
    found = [(one, named) for one, text in candidates if (named := read_mentions(text, pattern))]
    if not found:
        return []
    names = {name for _, mentions in found for name in all_names(mentions)}
    tasks, _ = tasks_named(org_id, names)
    return [one for one, mentions in found if mentions_of(mentions, tasks)]
