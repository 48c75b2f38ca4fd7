"""Whether a person or a mention made a link, and mentions that a person dismissed."""

import uuid
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, select, update

from gitlab_links.accounts.principal import Principal
from gitlab_links.audit.changes import Action, write_audit_event
from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict, required
from gitlab_links.extensions import change_rows, db
from gitlab_links.gitlab.items import ItemRef, ItemType
from gitlab_links.job_triggers import JobKind, trigger_after_commit
from gitlab_links.links.freshness import request_refresh
from gitlab_links.links.items import lock_items
from gitlab_links.links.link_events import rows_of_links
from gitlab_links.links.models import DismissedMention, GitLabItem, TaskGitLabLink
from gitlab_links.rule_states.marking import mark_task
from gitlab_links.storage.database import insert_unless_exists
from gitlab_links.tasks.changes import mark_links_changed
from gitlab_links.tasks.summaries import task_reference

# Stored mentions that differ from whatever the next fetch reads, so that it counts as a change.
UNREAD: dict[str, Any] = {"unread": {}}


class MentionedIn(StrEnum):
    """Where an item may mention a task."""

    TITLE = "title"
    DESCRIPTION = "description"
    SOURCE_BRANCH = "source_branch"
    COMMENT = "comment"


class NotMentioned(Conflict, code="not_mentioned"):
    """No mention stands for the link, so a person has to."""


def keep(principal: Principal, task_id: uuid.UUID, link_id: uuid.UUID) -> None:
    """Make a link that a mention made the person's own: it stays when the mention goes.

    Does nothing to a link that a person has made. Raises :class:`NotFound`.
    """
    keep_link_to(principal, task_id, _found(principal, task_id, link_id).item_id)


def leave_to_mentions(principal: Principal, task_id: uuid.UUID, link_id: uuid.UUID) -> None:
    """Let the link go with the last mention, also if a person made it.

    Raises :class:`NotFound`, and :class:`NotMentioned` if nothing mentions the task.
    """
    link = _found(principal, task_id, link_id)
    if link.mentioned_in is None:
        raise NotMentioned("Nothing in the item mentions this task, so the link is a person's.")
    if link.made_by_person:
        link.made_by_person, link.created_by = False, None
        db.session.flush()
        _note(principal, Action.LINK_LEFT, link.id, link.item_id, task_id)


def _found(principal: Principal, task_id: uuid.UUID, link_id: uuid.UUID) -> TaskGitLabLink:
    mark_links_changed(principal.org_id, task_id)
    link = TaskGitLabLink
    of_task = (link.task_id == task_id, link.org_id == principal.org_id)
    lock_items(select(link.item_id).where(link.id == link_id, *of_task))
    return required(
        db.session.scalars(
            select(link)
            .where(link.id == link_id, *of_task)
            .execution_options(populate_existing=True)
        ).one_or_none()
    )


def keep_link_to(principal: Principal, task_id: uuid.UUID, item_id: uuid.UUID) -> bool:
    """Keep the task's link to an item; returns whether only a mention had made it."""
    link = TaskGitLabLink
    kept = db.session.scalar(
        update(link)
        .where(link.task_id == task_id, link.item_id == item_id, link.made_by_person.is_(False))
        .values(made_by_person=True, created_by=principal.user_id)
        .returning(link.id)
        .execution_options(synchronize_session="fetch")
    )
    if kept is None:
        return False
    _note(principal, Action.LINK_KEPT, kept, item_id, task_id)
    return True


def _note(
    principal: Principal,
    action: Action,
    link_id: uuid.UUID,
    item_id: uuid.UUID,
    task_id: uuid.UUID,
) -> None:
    """Audit it, and let open pages and the rules see it."""
    [row] = rows_of_links([link_id])
    detail = {
        "task": task_reference(row.task_key, row.number),
        "item": str(ItemRef(row.path, ItemType(row.type), row.iid)),
    }
    write_audit_event(principal.org_id, principal.actor, action, link_id, detail)
    now = utcnow()
    change_rows(update(GitLabItem).where(GitLabItem.id == item_id).values(changed_at=now))
    mark_task(principal.org_id, task_id, now)


def dismiss_mention(principal: Principal, task_id: uuid.UUID, item_id: uuid.UUID) -> None:
    """Keep the item's mentions from linking the task, until they are gone and come back."""
    key = {"task_id": task_id, "item_id": item_id}
    values = {**key, "org_id": principal.org_id, "dismissed_by": principal.user_id}
    insert_unless_exists(db.session, DismissedMention, values, *key)


def read_mentions_again_if_dismissed(task_id: uuid.UUID, *items: GitLabItem) -> None:
    """Let the items' mentions link the task again; a fetch finds out whether they have any."""
    one, ids = DismissedMention, [item.id for item in items]
    dismissed = set(
        db.session.scalars(
            delete(one).where(one.task_id == task_id, one.item_id.in_(ids)).returning(one.item_id)
        )
    )
    for item in items:
        if item.id in dismissed:
            item.mentions = (item.mentions or {}) | UNREAD
            request_refresh(item, utcnow())
            trigger_after_commit(db.session, JobKind.SYNC, item.org_id)
