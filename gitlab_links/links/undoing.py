"""Restore a removed link. Nothing here commits."""

import uuid

from sqlalchemy import exists, select

from gitlab_links.accounts.models import User
from gitlab_links.accounts.principal import Principal
from gitlab_links.audit.changes import Action
from gitlab_links.clock import utcnow
from gitlab_links.errors import required
from gitlab_links.events.models import EventType
from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemRef, ItemType
from gitlab_links.integrations.pauses import end_pause
from gitlab_links.links.changes import Detached, LinkExists, audit_link, fetch_unless_fresh
from gitlab_links.links.items import locked_item
from gitlab_links.links.link_events import record_links, rows_of_links
from gitlab_links.links.models import GitLabProject, TaskGitLabLink
from gitlab_links.links.provenance import read_mentions_again_if_dismissed
from gitlab_links.rule_states.marking import mark_task
from gitlab_links.storage.database import insert_unless_exists
from gitlab_links.tasks.changes import mark_links_changed


def reattach(principal: Principal, task_id: uuid.UUID, detached: Detached) -> uuid.UUID:
    """Restore a removed link with its id, time and creator. It gets its former place, because
    links are in the order of their ids.

    Raises :class:`NotFound` if the task or the project is not the org's, and
    :class:`LinkExists` if somebody has linked the item again.
    """
    org_id = principal.org_id
    task = mark_links_changed(org_id, task_id)
    project = select(GitLabProject.path).where(
        GitLabProject.id == detached.project_id, GitLabProject.org_id == org_id
    )
    path = required(db.session.scalar(project))
    end_pause(org_id, utcnow())  # before locking the item, in the same order as saving a token
    item = locked_item(org_id, detached.project_id, detached.gitlab_type, detached.gitlab_iid)
    read_mentions_again_if_dismissed(task_id, item)
    linked = exists().where(TaskGitLabLink.task_id == task_id, TaskGitLabLink.item_id == item.id)
    if db.session.scalar(select(linked)):
        raise LinkExists("This task already links it again.")
    link_id = _insert_as_before(org_id, task_id, item.id, detached)
    ref = ItemRef(path, ItemType(detached.gitlab_type), detached.gitlab_iid)
    audit_link(principal, Action.LINK_CREATED, detached.link_id, task, ref)
    restored = rows_of_links([detached.link_id])
    record_links(org_id, principal.actor, EventType.LINK_CREATED, restored, {"kind": "undo"})
    mark_task(org_id, task_id, utcnow())
    fetch_unless_fresh(org_id, [item])
    return link_id or detached.link_id


def _insert_as_before(
    org_id: uuid.UUID, task_id: uuid.UUID, item_id: uuid.UUID, detached: Detached
) -> uuid.UUID | None:
    maker = select(User.id).where(User.id == detached.created_by)
    return insert_unless_exists(
        db.session,
        TaskGitLabLink,
        {
            "id": detached.link_id,
            "org_id": org_id,
            "task_id": task_id,
            "item_id": item_id,
            "created_by": db.session.scalar(maker),
            "created_at": detached.created_at,
            "made_path": detached.made_path,
            "made_iid": detached.made_iid,
            "made_by_person": detached.made_by_person,
            "mentioned_in": detached.mentioned_in,
            "closes": detached.closes,
            "backfilled": detached.backfilled,
        },
        "task_id",
        "item_id",
    )
