"""Link what a list of changes has and no task links, if it mentions a task: no further call.

So a lost webhook is made up for, wherever the list reaches.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from gitlab_links.deltas.reading import Listed
from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemRef, ItemType
from gitlab_links.links.freshness import request_refresh
from gitlab_links.links.items import locked_item
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.mentions.finding import mentioning
from gitlab_links.mentions.pattern import KeyPattern
from gitlab_links.mentions.pending import Place
from gitlab_links.sync.applying import apply_fetched


@dataclass(frozen=True, slots=True)
class Unlinked:
    """A listed item that no task links: its project's row, and what the list has of it."""

    project_row: uuid.UUID
    listed: Listed


def items_mentioning(
    org_id: uuid.UUID,
    unlinked: Iterable[Unlinked],
    pattern: KeyPattern,
    *,
    now: datetime,
    ttl: int,
) -> list[GitLabItem]:
    """New and locked rows, with their content, for the items that mention a task.

    GitLab's API has the mention, so the caller links them in the same transaction.
    """
    texts = ((one, one.listed.snapshot.text) for one in unlinked)
    return [
        _applied(org_id, one, pattern, now=now, ttl=ttl)
        for one in mentioning(org_id, texts, pattern, _place)
    ]


def _place(one: Unlinked) -> Place:
    project, snapshot = db.session.get_one(GitLabProject, one.project_row), one.listed.snapshot
    return Place(project.base_url, ItemRef(project.path, snapshot.type, snapshot.iid))


def _applied(
    org_id: uuid.UUID, one: Unlinked, pattern: KeyPattern, *, now: datetime, ttl: int
) -> GitLabItem:
    snapshot, started_at = one.listed.snapshot, one.listed.started_at
    item = locked_item(org_id, one.project_row, snapshot.type.value, snapshot.iid)
    apply_fetched(
        item, snapshot, started_at=started_at, now=now, ttl=ttl, proven=True, pattern=pattern
    )
    if snapshot.type is ItemType.MERGE_REQUEST or isinstance(snapshot.moved_to_id, int):
        request_refresh(item, now, detail=snapshot.type is ItemType.MERGE_REQUEST)
    return item
