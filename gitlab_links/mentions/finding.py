"""Find the items, not linked so far, that mention a task that exists."""

import uuid
from collections.abc import Callable, Iterable
from typing import TypeVar

from gitlab_links.gitlab.snapshot import ItemText
from gitlab_links.mentions.attaching import tasks_named
from gitlab_links.mentions.pattern import KeyPattern
from gitlab_links.mentions.pending import Place, forget_crowded, note_pending
from gitlab_links.mentions.reading import all_names, has_too_many, mentions_of, read_mentions

T = TypeVar("T")


def mentioning(
    org_id: uuid.UUID,
    candidates: Iterable[tuple[T, ItemText]],
    pattern: KeyPattern,
    place_of: Callable[[T], Place | None],
) -> list[T]:
    """Those whose texts mention a task of the org that exists, in their order. Of the others it
    is noted which name a task that may come, or too many.

    Costs one statement if no text names one, which the compiled pattern decides; else two, and
    some more where there is something to note.
    """
    read = [(one, text, read_mentions(text, pattern)) for one, text in candidates]
    if not read:
        return []
    # A comment has no title, and says nothing of the rest of its item.
    whole = (
        one for one, text, named in read if isinstance(text.title, str) and not has_too_many(named)
    )
    forget_crowded(org_id, (place for one in whole if (place := place_of(one)) is not None))
    found = [(one, named) for one, _, named in read if named]
    if not found:
        return []
    tasks, _ = tasks_named(org_id, {name for _, named in found for name in all_names(named)})
    placed = ((place_of(one), named) for one, named in found if not mentions_of(named, tasks))
    note_pending(org_id, ((place, named) for place, named in placed if place is not None), tasks)
    return [one for one, named in found if mentions_of(named, tasks)]
