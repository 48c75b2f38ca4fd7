"""Carry over to another row of an item what no fetch reads: what people and comments said about
its mentions. Nothing here commits.
"""

import uuid
from collections.abc import Collection, Mapping

from sqlalchemy import delete, exists, select

from gitlab_links.audit.changes import SERVICE, Action, write_audit_event
from gitlab_links.clock import utcnow
from gitlab_links.events.models import EventType
from gitlab_links.extensions import change_rows, db
from gitlab_links.gitlab.items import ItemRef, ItemType
from gitlab_links.links.link_events import record_links, rows_of_links
from gitlab_links.links.models import DismissedMention, GitLabItem, TaskGitLabLink
from gitlab_links.mentions.comments import store_comments_of
from gitlab_links.mentions.reading import COMMENT
from gitlab_links.rule_states.marking import mark_tasks
from gitlab_links.tasks.summaries import task_reference


def move_mentions(targets: Mapping[uuid.UUID, uuid.UUID]) -> None:
    """Carry over what is known of the mentions of items that are about to be deleted, each to the
    item that ``targets`` names. The caller has locked them and has moved the links.
    """
    _move_comments(targets)
    _move_dismissed(targets)


def _move_comments(targets: Mapping[uuid.UUID, uuid.UUID]) -> None:
    """GitLab sends a comment once: without it, its link would go with the next fetch."""
    known = select(GitLabItem.id, GitLabItem.mentions).where(
        GitLabItem.id.in_(targets), GitLabItem.mentions.is_not(None)
    )
    for row in db.session.execute(known).all():
        if COMMENT in row.mentions:
            store_comments_of(db.session.get_one(GitLabItem, targets[row.id]), row.mentions)


def _move_dismissed(targets: Mapping[uuid.UUID, uuid.UUID]) -> None:
    """A link that somebody removed stays away. One that a mention in the target has made since
    goes, too; a link that there was before, or that a person made, stays.
    """
    dismissed, link = DismissedMention, TaskGitLabLink
    made_since: set[uuid.UUID] = set()
    for one in db.session.scalars(select(dismissed).where(dismissed.item_id.in_(targets))).all():
        there = {"task_id": one.task_id, "item_id": targets[one.item_id]}
        twin = db.session.scalars(select(link).filter_by(**there)).one_or_none()
        if twin is not None:
            if twin.made_by_person or twin.created_at < one.dismissed_at:
                continue
            made_since.add(twin.id)
        if not db.session.scalar(select(exists(select(dismissed).filter_by(**there)))):
            one.item_id = there["item_id"]
            db.session.flush()
    _unlink(made_since)


def _unlink(link_ids: Collection[uuid.UUID]) -> None:
    rows = rows_of_links(list(link_ids))
    if not rows:
        return
    org_id, link = db.session.get_one(TaskGitLabLink, rows[0].link_id).org_id, TaskGitLabLink
    record_links(org_id, SERVICE, EventType.LINK_REMOVED, rows, {"kind": "dismissed"})
    for row in rows:
        item = str(ItemRef(row.path, ItemType(row.type), row.iid))
        detail = {"task": task_reference(row.task_key, row.number), "item": item}
        write_audit_event(org_id, SERVICE, Action.LINK_REMOVED, row.link_id, detail)
    mark_tasks(org_id, select(link.task_id).where(link.id.in_(link_ids)), utcnow())
    change_rows(delete(link).where(link.id.in_(link_ids)))
