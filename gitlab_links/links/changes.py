"""Link GitLab items to tasks and unlink them. Nothing here commits."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Label, Row, delete, exists, select, update
from sqlalchemy.orm import InstrumentedAttribute

from gitlab_links.accounts.principal import Principal
from gitlab_links.audit.changes import Action, write_audit_event
from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict, required
from gitlab_links.events.models import EventType
from gitlab_links.extensions import change_rows, db, settings
from gitlab_links.gitlab.items import ItemRef, ItemType
from gitlab_links.integrations.pauses import end_pause
from gitlab_links.job_triggers import JobKind, trigger_after_commit
from gitlab_links.links.freshness import is_fresh, request_refresh
from gitlab_links.links.items import cached_items, lock_items
from gitlab_links.links.link_events import link_rows, record_links, rows_of_links
from gitlab_links.links.models import DismissedMention, GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.links.provenance import (
    dismiss_mention,
    keep_link_to,
    read_mentions_again_if_dismissed,
)
from gitlab_links.rule_states.marking import mark_task
from gitlab_links.storage.database import insert_unless_exists
from gitlab_links.tasks.changes import mark_links_changed

REFRESHED_AT_ONCE = 5000
# Items per statement: SQLite takes 32,766 parameters.
DELETED_AT_ONCE = 1000


class LinkExists(Conflict, code="link_exists"):
    """The task already links this item. `link_id` names the link."""

    def __init__(self, detail: str, *, link_id: uuid.UUID | None = None) -> None:
        super().__init__(detail)
        self.link_id = link_id

    @property
    def members(self) -> Mapping[str, str]:
        """See ``DomainError``."""
        return {} if self.link_id is None else {"link_id": str(self.link_id)}


@dataclass(frozen=True, slots=True)
class Detached:
    """A removed link, with everything that is needed to restore it."""

    link_id: uuid.UUID
    project_id: uuid.UUID
    gitlab_type: str
    gitlab_iid: int
    created_at: datetime
    created_by: uuid.UUID | None
    made_path: str | None = None
    made_iid: int | None = None
    made_by_person: bool = True
    mentioned_in: list[str] | None = None
    closes: bool = False
    backfilled: bool = False


# What restores a link, by the names of ``Detached``.
_DETACHED: tuple[InstrumentedAttribute[Any] | Label[Any], ...] = (
    TaskGitLabLink.id.label("link_id"),
    GitLabItem.project_id,
    GitLabItem.type.label("gitlab_type"),
    GitLabItem.iid.label("gitlab_iid"),
    TaskGitLabLink.created_at,
    TaskGitLabLink.created_by,
    TaskGitLabLink.made_path,
    TaskGitLabLink.made_iid,
    TaskGitLabLink.made_by_person,
    TaskGitLabLink.mentioned_in,
    TaskGitLabLink.closes,
    TaskGitLabLink.backfilled,
)


@dataclass(frozen=True, slots=True)
class Attached:
    """The link of an item; ``is_new`` is false if a person had made it before."""

    link_id: uuid.UUID
    is_new: bool


def attach_items(
    principal: Principal, task_id: uuid.UUID, base_url: str, refs: Sequence[ItemRef]
) -> list[Attached]:
    """Link items of the GitLab at ``base_url`` to a task of the caller's org, in this order.

    The caller has locked the task. The first fetch is triggered after the caller's commit;
    the links can be shown before it. A link that only a mention had made is the person's now.
    """
    org_id = principal.org_id
    end_pause(org_id, utcnow())  # before locking the items, in the same order as saving a token
    items = cached_items(org_id, base_url, refs)
    read_mentions_again_if_dismissed(task_id, *items)
    made = [
        _insert_link(principal, task_id, item, ref) for ref, item in zip(refs, items, strict=True)
    ]
    new = [(link, ref, item) for link, ref, item in zip(made, refs, items, strict=True) if link]
    kept = [
        link is None and keep_link_to(principal, task_id, item.id)
        for link, item in zip(made, items, strict=True)
    ]
    if new:
        task = mark_links_changed(org_id, task_id)
        for link_id, ref, _ in new:
            audit_link(principal, Action.LINK_CREATED, link_id, task, ref)
        rows = rows_of_links([link_id for link_id, _, _ in new])
        record_links(org_id, principal.actor, EventType.LINK_CREATED, rows)
        mark_task(org_id, task_id, utcnow())
        fetch_unless_fresh(org_id, [item for _, _, item in new])
    return [
        Attached(link_id or _link_to(task_id, item.id), link_id is not None or is_kept)
        for link_id, item, is_kept in zip(made, items, kept, strict=True)
    ]


def _insert_link(
    principal: Principal, task_id: uuid.UUID, item: GitLabItem, ref: ItemRef
) -> uuid.UUID | None:
    return insert_unless_exists(
        db.session,
        TaskGitLabLink,
        {
            "org_id": principal.org_id,
            "task_id": task_id,
            "item_id": item.id,
            "created_by": principal.user_id,
            "made_path": ref.project_path,
            "made_iid": ref.iid,
        },
        "task_id",
        "item_id",
    )


def _link_to(task_id: uuid.UUID, item_id: uuid.UUID) -> uuid.UUID:
    """The link that exists; the task is locked, so that nobody removes it."""
    return db.session.scalars(
        select(TaskGitLabLink.id).filter_by(task_id=task_id, item_id=item_id)
    ).one()


def audit_link(
    principal: Principal, action: Action, link_id: uuid.UUID, task: str, item: ItemRef
) -> None:
    """Write it into the caller's transaction: ``ACME-12``, ``group/app!5`` and no title."""
    detail = {"task": task, "item": str(item)}
    write_audit_event(principal.org_id, principal.actor, action, link_id, detail)


def fetch_unless_fresh(org_id: uuid.UUID, items: Iterable[GitLabItem]) -> None:
    """Have newly linked items fetched after the caller's commit. The caller has ended a pause
    before it locked the items.
    """
    now = utcnow()
    stale = [
        item for item in items if not is_fresh(item.last_synced_at, settings().metadata_ttl, now)
    ]
    for item in stale:
        request_refresh(item, now, detail=True)
    if stale:
        trigger_after_commit(db.session, JobKind.SYNC, org_id)


def detach(principal: Principal, task_id: uuid.UUID, link_id: uuid.UUID) -> Detached:
    """Remove a link, and with its last link the cached item. Raises :class:`NotFound`.

    If the item mentions the task, the link stays away until the mention is gone and comes back,
    or until somebody links the item or undoes this.
    """
    org_id = principal.org_id
    task = mark_links_changed(org_id, task_id)
    of_task = (TaskGitLabLink.id == link_id, TaskGitLabLink.task_id == task_id)
    lock_items(select(TaskGitLabLink.item_id).where(*of_task))
    link = required(_link_of(org_id, task_id, link_id))
    known = rows_of_links([link_id])
    db.session.execute(delete(TaskGitLabLink).where(TaskGitLabLink.id == link_id))
    ref = ItemRef(link.path, ItemType(link.gitlab_type), link.gitlab_iid)
    audit_link(principal, Action.LINK_REMOVED, link_id, task, ref)
    record_links(org_id, principal.actor, EventType.LINK_REMOVED, known)
    if link.mentioned_in is not None:
        dismiss_mention(principal, task_id, link.item_id)
    delete_unlinked(link.item_id)
    mark_task(org_id, task_id, utcnow())
    return Detached(**{column.key: getattr(link, column.key) for column in _DETACHED})


def _link_of(
    org_id: uuid.UUID, task_id: uuid.UUID, link_id: uuid.UUID
) -> Row[*tuple[Any, ...]] | None:
    return db.session.execute(
        select(TaskGitLabLink.item_id, *_DETACHED, GitLabProject.path)
        .join(GitLabItem, GitLabItem.id == TaskGitLabLink.item_id)
        .join(GitLabProject, GitLabProject.id == GitLabItem.project_id)
        .where(
            TaskGitLabLink.id == link_id,
            TaskGitLabLink.task_id == task_id,
            TaskGitLabLink.org_id == org_id,
        )
    ).one_or_none()


def detach_all(principal: Principal, task_id: uuid.UUID) -> None:
    """Remove every link of a task that is about to be deleted. The caller has locked the task and
    the items.
    """
    org_id = principal.org_id
    of_task = (TaskGitLabLink.task_id == task_id, TaskGitLabLink.org_id == org_id)
    known = link_rows(*of_task)
    removed = db.session.execute(
        delete(TaskGitLabLink).where(*of_task).returning(TaskGitLabLink.id, TaskGitLabLink.item_id)
    ).all()
    gone = {row.id for row in removed}
    cause = {"kind": "task_deleted"}
    ended = [row for row in known if row.link_id in gone]
    record_links(org_id, principal.actor, EventType.LINK_REMOVED, ended, cause)
    dismissed = DismissedMention
    kept_for = db.session.scalars(
        delete(dismissed).where(dismissed.task_id == task_id).returning(dismissed.item_id)
    ).all()
    in_order = sorted({*(row.item_id for row in removed), *kept_for})
    for start in range(0, len(in_order), DELETED_AT_ONCE):
        delete_unlinked(*in_order[start : start + DELETED_AT_ONCE])


def refresh_links_of_task(org_id: uuid.UUID, task_id: uuid.UUID) -> int:
    """Have every linked item of a task fetched again; returns their number.

    Somebody waits for it, so it ends a pause after a failure of GitLab.
    """
    items = (
        select(GitLabItem.id)
        .join(TaskGitLabLink, TaskGitLabLink.item_id == GitLabItem.id)
        .where(TaskGitLabLink.org_id == org_id, TaskGitLabLink.task_id == task_id)
        .order_by(GitLabItem.id)
        .with_for_update(of=GitLabItem)
    )
    now = utcnow()
    end_pause(org_id, now)  # before locking the items, in the same order as saving a token
    requested = change_rows(
        update(GitLabItem)
        .where(GitLabItem.id.in_(items))
        .values(refresh_requested_at=now, next_sync_at=now, detail_wanted=True)
    )
    trigger_after_commit(db.session, JobKind.SYNC, org_id)
    return requested


def refresh_links_of_org(org_id: uuid.UUID) -> int:
    """The same of the org's items that were fetched longest ago, ``REFRESHED_AT_ONCE`` at most.
    Without the single forms of merge requests, which take a call each.
    """
    oldest = (
        select(GitLabItem.id)
        .where(GitLabItem.org_id == org_id)
        .order_by(GitLabItem.last_synced_at.is_not(None), GitLabItem.last_synced_at)
        .limit(REFRESHED_AT_ONCE)
    )
    in_order = select(GitLabItem.id).where(GitLabItem.id.in_(oldest)).order_by(GitLabItem.id)
    now = utcnow()
    end_pause(org_id, now)
    requested = change_rows(
        update(GitLabItem)
        .where(GitLabItem.id.in_(in_order.with_for_update()))
        .values(refresh_requested_at=now, next_sync_at=now)
    )
    trigger_after_commit(db.session, JobKind.SYNC, org_id)
    return requested


def delete_unlinked(*item_ids: uuid.UUID) -> set[uuid.UUID]:
    """Delete the cached items that have no link, unless a mention of them was dismissed. Returns
    the ids of those that are gone; the session still has what it has loaded of them.

    The caller has locked the rows, before the links are read here: a concurrent attach has the
    same lock, and its link is visible once it has committed.
    """
    these = GitLabItem.id.in_(item_ids)
    still_linked = exists().where(TaskGitLabLink.item_id == GitLabItem.id)
    dismissed = exists().where(DismissedMention.item_id == GitLabItem.id)
    gone = delete(GitLabItem).where(these, ~still_linked, ~dismissed).returning(GitLabItem.id)
    return set(db.session.scalars(gone.execution_options(synchronize_session=False)))
