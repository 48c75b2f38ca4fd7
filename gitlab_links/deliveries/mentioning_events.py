"""Events of items that no task links yet: one that mentions a task makes a row for its item.

An authentic event of any project counts, so a group's webhook is enough. Whether a link follows
at once is decided where the body is applied: what the shared secret alone proves waits for
GitLab's API, and the row is deleted if GitLab has no such mention.
"""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gitlab_links.gitlab.events import Event
from gitlab_links.gitlab.items import ItemRef
from gitlab_links.gitlab.snapshot import ItemText
from gitlab_links.links.items import cached_item, locked_item
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.mentions.finding import mentioning
from gitlab_links.mentions.pattern import KeyPattern
from gitlab_links.mentions.pending import Place


@dataclass(frozen=True, slots=True)
class UnlinkedEvent:
    """An event of an item that is not linked, and its project's row if there is one.

    ``by_own_hook``: the project's own webhook sent it. Only then its comment counts, because
    GitLab's API would need another call to confirm it.
    """

    event: Event
    project: GitLabProject | None
    by_own_hook: bool = False


def items_mentioning(
    org_id: uuid.UUID, base_url: str, events: Iterable[UnlinkedEvent], pattern: KeyPattern
) -> list[GitLabItem]:
    """New and locked rows for the items that mention a task of the org.

    Costs one statement if no event mentions any, which the compiled pattern decides.
    """
    texts = ((one, text) for one in events for text in _texts(one, pattern))
    found = dict.fromkeys(mentioning(org_id, texts, pattern, lambda one: _place(base_url, one)))
    items = (_item_of(org_id, base_url, one) for one in found)
    return [item for item in items if item is not None]


def _texts(one: UnlinkedEvent, pattern: KeyPattern) -> Iterator[ItemText]:
    if one.event.text is not None:
        yield one.event.text
    if pattern.reads_comments and one.by_own_hook and one.event.comment is not None:
        yield ItemText(description=one.event.comment.text)


def _place(base_url: str, one: UnlinkedEvent) -> Place | None:
    event, project = one.event, one.project
    path = event.project_path if project is None else project.path
    if event.item_type is None or event.iid is None or path is None:
        return None
    return Place(base_url, ItemRef(path, event.item_type, event.iid))


def _item_of(org_id: uuid.UUID, base_url: str, one: UnlinkedEvent) -> GitLabItem | None:
    """A project that is not known gets a row by its path alone: its id is GitLab's to say."""
    event, project = one.event, one.project
    if event.item_type is None or event.iid is None:
        return None
    if project is not None:
        item = locked_item(org_id, project.id, event.item_type.value, event.iid)
    elif event.project_path is not None:
        ref = ItemRef(event.project_path, event.item_type, event.iid)
        item = cached_item(org_id, base_url, ref)
    else:
        return None
    item.announced = item.fetched_at is None
    return item
