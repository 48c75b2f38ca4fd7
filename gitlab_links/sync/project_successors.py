"""Move items and links from one project's row to another's, in pieces of limited size.

Two rows may be one project under two paths, or another project may have taken a project's
path. A project may have 100,000 items. The old row names its successor, and each statement
moves some hundred items, so every piece can be committed on its own.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Row, Select, and_, delete, exists, select, true, update
from sqlalchemy.orm import aliased

from gitlab_links.audit.changes import SERVICE
from gitlab_links.clock import utcnow
from gitlab_links.events.models import EventType
from gitlab_links.events.recording import record
from gitlab_links.extensions import change_rows, db
from gitlab_links.links.link_events import (
    LinkRow,
    facts_of,
    link_event,
    link_rows,
    record_links,
    rows_of_links,
)
from gitlab_links.links.models import (
    DismissedMention,
    GitLabItem,
    GitLabProject,
    TaskGitLabLink,
)
from gitlab_links.observations.hook_secrets import move_hook_secrets
from gitlab_links.observations.project_watches import move_pick
from gitlab_links.rule_states.marking import mark_tasks
from gitlab_links.storage.database import new_id, upsert
from gitlab_links.sync.moved_mentions import move_mentions

PIECE = 500

ItemRow = Row[uuid.UUID, str, int]
_ITEM_KEY = (GitLabItem.id, GitLabItem.type, GitLabItem.iid)


def succeed(
    project: GitLabProject, successor: GitLabProject, *, since: datetime | None = None
) -> None:
    """Record that a project's items now belong to another row, and move the first piece."""
    note_successor(project, successor, since=since)
    _move_piece(project)


def note_successor(
    project: GitLabProject, successor: GitLabProject, *, since: datetime | None = None
) -> None:
    """Record that a project's items now belong to another row; the next fetch moves them.

    A project with an id differs from its successor: only links made after ``since`` move
    (None: all), without the cached content. A project without an id is the same project: its
    items move unchanged, and its row is deleted.
    """
    if project.gitlab_id is None:
        move_hook_secrets(project.id, successor.id)
        move_pick(project.id, successor.id)
    project.path_key = None
    project.successor_id, project.succeeded_since = successor.id, since
    db.session.flush()


def move_next_piece(org_id: uuid.UUID) -> bool:
    """Move the next piece for an org; False if there is none.

    The caller commits. Two processes may call it at once. The next call continues where the
    last one stopped.
    """
    project = db.session.scalars(
        select(GitLabProject)
        .where(GitLabProject.org_id == org_id, GitLabProject.successor_id.is_not(None))
        .order_by(GitLabProject.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if project is None:
        return False
    _move_piece(project)
    return True


def _move_piece(project: GitLabProject) -> None:
    moved = _move_items(project) if project.gitlab_id is None else _move_links(project)
    if moved == PIECE:
        return
    if project.gitlab_id is None:
        db.session.delete(project)
    else:
        project.successor_id = project.succeeded_since = None
    db.session.flush()


def _move_items(project: GitLabProject) -> int:
    """Move items to the same project's other row. Duplicate items are joined with their links."""
    rows = db.session.execute(_next_items(project)).all()
    twins = _twins(project.successor_id, rows)
    alone = [row.id for row in rows if (row.type, row.iid) not in twins]
    doubled = {row.id: twins[key] for row in rows if (key := (row.type, row.iid)) in twins}
    now = utcnow()
    if alone:
        db.session.execute(
            update(GitLabItem)
            .where(GitLabItem.id.in_(alone))
            .values(project_id=project.successor_id, changed_at=now)
        )
    if doubled:
        _point_links_at_twins(project.successor_id, doubled, TaskGitLabLink.id.is_not(None))
        move_mentions(doubled)
        db.session.execute(delete(GitLabItem).where(GitLabItem.id.in_(doubled)))
        db.session.execute(
            update(GitLabItem)
            .where(GitLabItem.id.in_(list(twins.values())))
            .values(refresh_requested_at=now, next_sync_at=now, changed_at=now)
        )
    return len(rows)


def _move_links(project: GitLabProject) -> int:
    """Move links from a project that is gone to the project that has its path."""
    since = project.succeeded_since
    made_since = true() if since is None else TaskGitLabLink.created_at > since
    passing = exists().where(TaskGitLabLink.item_id == GitLabItem.id, made_since)
    rows = db.session.execute(_next_items(project).where(passing)).all()
    if not rows:
        return 0
    owner = {"org_id": project.org_id, "project_id": project.successor_id}
    db.session.execute(
        upsert(db.engine.dialect.name, GitLabItem).on_conflict_do_nothing(
            index_elements=("project_id", "type", "iid")
        ),
        [{"id": new_id(), **owner, "type": row.type, "iid": row.iid} for row in rows],
    )
    ids = [row.id for row in rows]
    _point_links_at_twins(project.successor_id, ids, made_since)
    unlinked = ~exists().where(TaskGitLabLink.item_id == GitLabItem.id)
    dismissed = exists().where(DismissedMention.item_id == GitLabItem.id)
    db.session.execute(
        delete(GitLabItem)
        .where(GitLabItem.id.in_(ids), unlinked, ~dismissed)
        .execution_options(synchronize_session="fetch")
    )
    return len(rows)


def _next_items(project: GitLabProject) -> Select[uuid.UUID, str, int]:
    return (
        select(*_ITEM_KEY)
        .where(GitLabItem.project_id == project.id)
        .order_by(GitLabItem.id)
        .limit(PIECE)
        .with_for_update()
    )


def _twins(
    project_id: uuid.UUID | None, rows: Sequence[ItemRow]
) -> dict[tuple[str, int], uuid.UUID]:
    """The project's items with the types and iids of the rows; locks them."""
    found: dict[tuple[str, int], uuid.UUID] = {}
    for item_type in sorted({row.type for row in rows}):
        iids = [row.iid for row in rows if row.type == item_type]
        matching = db.session.execute(
            select(GitLabItem.id, GitLabItem.iid)
            .where(
                GitLabItem.project_id == project_id,
                GitLabItem.type == item_type,
                GitLabItem.iid.in_(iids),
            )
            .order_by(GitLabItem.id)
            .with_for_update()
        )
        found |= {(item_type, row.iid): row.id for row in matching}
    return found


def _point_links_at_twins(
    project_id: uuid.UUID | None, item_ids: Collection[uuid.UUID], which: ColumnElement[bool]
) -> None:
    """Point the links that ``which`` selects at the items of the same type and iid in the
    project. If a task links both, its existing link to that item stays.
    """
    mine, twin = aliased(GitLabItem), aliased(GitLabItem)
    same = and_(twin.project_id == project_id, twin.type == mine.type, twin.iid == mine.iid)
    target = (
        select(twin.id)
        .select_from(mine)
        .join(twin, same)
        .where(mine.id == TaskGitLabLink.item_id)
        .correlate(TaskGitLabLink)
        .scalar_subquery()
    )
    move_links_to(target, and_(TaskGitLabLink.item_id.in_(item_ids), which))


def move_links_to(target: object, which: ColumnElement[bool], *, public: bool = False) -> None:
    """Point the links that ``which`` selects at an item; ``target`` is an id or an SQL value.
    A task that already links that item loses the other link; a person's link stays one. What was
    dismissed of that item for a task ends with the task's link. ``public``: everybody may see the
    target's place.
    """
    before = {row.link_id: row for row in link_rows(which)}
    if not before:
        return
    other, link = aliased(TaskGitLabLink), TaskGitLabLink
    mark_tasks(_org_of(before), select(link.task_id).where(which), utcnow())
    linked = exists().where(other.task_id == link.task_id, other.item_id == target)
    _keep_persons(target, which)
    _end_dismissed(target, which)
    doubled = db.session.scalars(
        delete(link)
        .where(which, linked)
        .returning(link.id)
        .execution_options(synchronize_session=False)
    ).all()
    change_rows(update(link).where(which).values(item_id=target))
    _record_moves(before, set(doubled), public=public)


def _keep_persons(target: object, which: ColumnElement[bool]) -> None:
    """What a person linked outlives the mentions, whichever of two links stays."""
    stays, link = aliased(TaskGitLabLink), TaskGitLabLink
    same = and_(stays.task_id == link.task_id, stays.item_id == target)
    by_mention = select(stays.id, link.created_by).select_from(link).join(stays, same)
    persons = by_mention.where(which, link.made_by_person, stays.made_by_person.is_(False))
    for row in db.session.execute(persons).all():
        change_rows(
            update(link)
            .where(link.id == row.id)
            .values(made_by_person=True, created_by=row.created_by)
        )


def _end_dismissed(target: object, which: ColumnElement[bool]) -> None:
    dismissed, link = DismissedMention, TaskGitLabLink
    of_target = (link.task_id == dismissed.task_id, dismissed.item_id == target)
    change_rows(delete(dismissed).where(exists(select(link.id).where(which, *of_target))))


def _org_of(rows: Mapping[uuid.UUID, LinkRow]) -> uuid.UUID:
    project_id = next(iter(rows.values())).project_id
    return db.session.scalars(
        select(GitLabProject.org_id).where(GitLabProject.id == project_id)
    ).one()


def _record_moves(
    before: Mapping[uuid.UUID, LinkRow], doubled: set[uuid.UUID], *, public: bool
) -> None:
    org_id = _org_of(before)
    ended = [row for link_id, row in before.items() if link_id in doubled]
    record_links(org_id, SERVICE, EventType.LINK_REMOVED, ended, {"kind": "duplicate"})
    moved = []
    for row in rows_of_links([link_id for link_id in before if link_id not in doubled]):
        places = [facts_of(before[row.link_id]).reference, facts_of(row, public=public).reference]
        cause = {"kind": "moved"}
        moved.append(
            link_event(
                EventType.LINK_CHANGED, row, public=public, changes={"item": places}, cause=cause
            )
        )
    record(org_id, SERVICE, *moved)
