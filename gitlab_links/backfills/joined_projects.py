"""Keep what a look back found when two rows of one project are joined. Nothing here commits."""

import uuid
from collections.abc import Mapping

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import aliased

from gitlab_links.backfills.models import Backfill, BackfillItem
from gitlab_links.extensions import change_rows, db
from gitlab_links.links.models import GitLabProject


def follow_joined_projects(org_id: uuid.UUID) -> None:
    """Point what was found, and what is still to read, at the rows that stay."""
    rows = db.session.execute(
        select(GitLabProject.id, GitLabProject.successor_id).where(
            GitLabProject.org_id == org_id,
            GitLabProject.gitlab_id.is_(None),
            GitLabProject.successor_id.is_not(None),
        )
    )
    joined = {row.id: row.successor_id for row in rows}
    if not joined:
        return
    backfills = db.session.scalars(
        select(Backfill)
        .where(Backfill.org_id == org_id)
        .order_by(Backfill.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for backfill in backfills:
        _read_staying_rows(backfill, {str(old): str(new) for old, new in joined.items()})
    for old, new in joined.items():
        _move_found(old, new)


def _read_staying_rows(backfill: Backfill, joined: Mapping[str, str]) -> None:
    left = [[joined.get(row, row), *rest] for row, *rest in backfill.left]
    if left != backfill.left:
        backfill.left = left


def _move_found(old: uuid.UUID, new: uuid.UUID) -> None:
    """Of an item that was found under both rows, what the staying one has is kept."""
    one, twin = BackfillItem, aliased(BackfillItem)
    same = (twin.backfill_id == one.backfill_id, twin.type == one.type, twin.iid == one.iid)
    doubled = exists().where(twin.project_id == new, *same)
    change_rows(delete(one).where(one.project_id == old, doubled))
    change_rows(update(one).where(one.project_id == old).values(project_id=new))
