"""Items and links that pass from one project's row to another's, a bounded piece at a time.

Two rows may turn out to be one project under two paths, or a project may have left its path
to another. Either may have 100,000 items: what is to be moved is noted on the row it leaves,
and moved by statements over some hundred items each, so that every piece can be committed.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Row, Select, and_, delete, exists, select, update
from sqlalchemy.orm import aliased

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.observations.hook_secrets import move_hook_secrets
from gitlab_links.storage.database import new_id, upsert

PIECE = 500

ItemRow = Row[uuid.UUID, str, int]
_ITEM_KEY = (GitLabItem.id, GitLabItem.type, GitLabItem.iid)


def succeed(
    project: GitLabProject, successor: GitLabProject, *, since: datetime | None = None
) -> None:
    """Note that a project's items belong to another row now, and move the first piece."""
    note_successor(project, successor, since=since)
    _move_piece(project)


def note_successor(
    project: GitLabProject, successor: GitLabProject, *, since: datetime | None = None
) -> None:
    """Note that a project's items belong to another row now; the next fetch moves them.

    A project whose id is known is another one than its successor: of its links only those
    made after ``since`` pass over (None: all), and what is cached stays behind. Without an
    id it is the same project: its items pass over as they are, and its row goes.
    """
    if project.gitlab_id is None:
        move_hook_secrets(project.id, successor.id)
    project.path_key = None
    project.successor_id, project.succeeded_since = successor.id, since
    db.session.flush()


def move_next_piece(org_id: uuid.UUID) -> bool:
    """Move a piece of what waits to be moved for an org; False if nothing waits.

    The caller commits. Safe to be run by two at once, or to be left out: whatever is left
    is moved by the next who calls.
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
    if project.gitlab_id is None:
        moved = _move_items(project)
    else:
        moved = _move_links(project, _made_since(project.succeeded_since))
    if moved == PIECE:
        return
    if project.gitlab_id is None:
        db.session.delete(project)
    else:
        project.successor_id = project.succeeded_since = None
    db.session.flush()


def _move_items(project: GitLabProject) -> int:
    """Items of the same project under its other row; links of those that it has twice meet."""
    rows = db.session.execute(_next_items(project)).all()
    twins = _twins(project.successor_id, rows)
    alone = [row.id for row in rows if (row.type, row.iid) not in twins]
    doubled = [row.id for row in rows if (row.type, row.iid) in twins]
    now = utcnow()
    if alone:
        db.session.execute(
            update(GitLabItem)
            .where(GitLabItem.id.in_(alone))
            .values(project_id=project.successor_id, changed_at=now)
        )
    if doubled:
        _point_links_at_twins(project.successor_id, doubled, TaskGitLabLink.id.is_not(None))
        db.session.execute(delete(GitLabItem).where(GitLabItem.id.in_(doubled)))
        db.session.execute(
            update(GitLabItem)
            .where(GitLabItem.id.in_(list(twins.values())))
            .values(refresh_requested_at=now, next_sync_at=now, changed_at=now)
        )
    return len(rows)


def _move_links(project: GitLabProject, made_since: ColumnElement[bool]) -> int:
    """Links to items of a project that is gone, to items of the one that has its path."""
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
    db.session.execute(
        delete(GitLabItem)
        .where(GitLabItem.id.in_(ids), unlinked)
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
    """The items of a project with the types and iids of the rows, locked."""
    found: dict[tuple[str, int], uuid.UUID] = {}
    for item_type in sorted({row.type for row in rows}):
        iids = [row.iid for row in rows if row.type == item_type]
        there = db.session.execute(
            select(GitLabItem.id, GitLabItem.iid)
            .where(
                GitLabItem.project_id == project_id,
                GitLabItem.type == item_type,
                GitLabItem.iid.in_(iids),
            )
            .order_by(GitLabItem.id)
            .with_for_update()
        )
        found |= {(item_type, row.iid): row.id for row in there}
    return found


def _made_since(moment: datetime | None) -> ColumnElement[bool]:
    if moment is None:
        return TaskGitLabLink.id.is_not(None)
    return TaskGitLabLink.created_at > moment


def _point_links_at_twins(
    project_id: uuid.UUID | None, item_ids: Sequence[uuid.UUID], which: ColumnElement[bool]
) -> None:
    """Links to the items that ``which`` picks lead to the items of the same type and iid in
    the project; where a task links both, the one that leads there already stays.
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


def move_links_to(target: object, which: ColumnElement[bool]) -> None:
    """Point the links that ``which`` picks at an item, or at what an SQL value gives for each;
    a task that links it already loses the other link.
    """
    other = aliased(TaskGitLabLink)
    linked = exists().where(other.task_id == TaskGitLabLink.task_id, other.item_id == target)
    unsynchronized = {"synchronize_session": False}
    db.session.execute(
        delete(TaskGitLabLink).where(which, linked).execution_options(**unsynchronized)
    )
    db.session.execute(
        update(TaskGitLabLink)
        .where(which)
        .values(item_id=target)
        .execution_options(**unsynchronized)
    )
