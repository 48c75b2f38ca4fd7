"""What a page of a list means: which items would be linked, or are linked. Nothing commits."""

import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import and_, or_, select

from gitlab_links.backfills.changes import Turn
from gitlab_links.backfills.models import Backfill, BackfillItem
from gitlab_links.extensions import db
from gitlab_links.gitlab.snapshot import Snapshot
from gitlab_links.links.freshness import request_refresh
from gitlab_links.links.items import locked_items
from gitlab_links.links.models import DismissedMention, GitLabItem, TaskGitLabLink
from gitlab_links.mentions.attaching import attach_mentioned, tasks_named
from gitlab_links.mentions.org_patterns import org_pattern
from gitlab_links.mentions.reading import Stored, all_names, mentions_of, read_mentions
from gitlab_links.rules.marking import ItemMarks
from gitlab_links.storage.database import insert_unless_exists
from gitlab_links.sync.applying import apply_fetched
from gitlab_links.sync.known_content import is_newest

if TYPE_CHECKING:
    from datetime import datetime

    from gitlab_links.gitlab.search_client import FoundPage


def note_found(backfill: Backfill, turn: Turn, page: "FoundPage") -> None:
    """Store the items that mention a task which does not link them."""
    for snapshot, tasks in _new_links(backfill.org_id, turn, page.items):
        key = {
            "backfill_id": backfill.id,
            "project_id": turn.project_row,
            "type": turn.type.value,
            "iid": snapshot.iid,
        }
        values = {
            **key,
            "title": snapshot.title if isinstance(snapshot.title, str) else None,
            "confidential": snapshot.confidential is True,
            "tasks": sorted(str(task) for task in tasks),
        }
        insert_unless_exists(db.session, BackfillItem, values, *key)


def link_page(
    backfill: Backfill, turn: Turn, page: "FoundPage", *, now: "datetime", ttl: int
) -> None:
    """Link the items that mention a task, in a way that triggers no rule.

    Their content comes with the list, so that a new row asks for no fetch, which would bring it as
    news. What an event has asked for stays. For tasks that link them already, it is news.
    """
    found = _new_links(backfill.org_id, turn, page.items)
    if not found:
        return
    pattern = org_pattern(backfill.org_id)
    snapshots = [snapshot for snapshot, _ in found]
    keys = [(turn.project_row, turn.type.value, one.iid) for one in snapshots]
    locked = locked_items(backfill.org_id, keys, refresh_requested_at=None)
    items = [locked[key] for key in keys]
    marks = ItemMarks(items)
    for item, snapshot in zip(items, snapshots, strict=True):
        if item.fetched_at is None:
            apply_fetched(
                item,
                snapshot,
                started_at=page.started_at,
                now=now,
                ttl=ttl,
                proven=True,
                pattern=pattern,
            )
        elif is_newest(item, snapshot, page.started_at, now):
            item.mentions = read_mentions(snapshot.text, pattern, item.mentions)
        else:
            request_refresh(item, now)
    marks.write(backfill.org_id, now)
    backfill.links_made += attach_mentioned(backfill.org_id, items, backfilled=True)


def _new_links(
    org_id: uuid.UUID, turn: Turn, snapshots: Sequence[Snapshot]
) -> list[tuple[Snapshot, set[uuid.UUID]]]:
    """The items with the tasks that they mention, and that neither link nor dismiss them."""
    pattern = org_pattern(org_id)
    read: list[tuple[Snapshot, Stored]] = [
        (one, named) for one in snapshots if (named := read_mentions(one.text, pattern))
    ]
    if not read:
        return []
    tasks, _ = tasks_named(org_id, {name for _, named in read for name in all_names(named)})
    known = _known_tasks(turn, [one.iid for one, _ in read])
    new = [
        (snapshot, set(mentions_of(named, tasks)) - known.get(snapshot.iid, set()))
        for snapshot, named in read
    ]
    return [(snapshot, some) for snapshot, some in new if some]


def _known_tasks(turn: Turn, iids: Sequence[int]) -> Mapping[int, set[uuid.UUID]]:
    link, item, dismissed = TaskGitLabLink, GitLabItem, DismissedMention
    rows = db.session.execute(
        select(item.iid, link.task_id, dismissed.task_id.label("dismissed"))
        .outerjoin(link, link.item_id == item.id)
        .outerjoin(dismissed, dismissed.item_id == item.id)
        .where(
            and_(item.project_id == turn.project_row, item.type == turn.type.value),
            item.iid.in_(iids),
            or_(link.id.is_not(None), dismissed.id.is_not(None)),
        )
    )
    known: dict[int, set[uuid.UUID]] = {}
    for row in rows:
        known.setdefault(row.iid, set()).update({row.task_id, row.dismissed} - {None})
    return known
