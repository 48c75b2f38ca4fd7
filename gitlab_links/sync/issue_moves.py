"""Links follow an issue that was moved to another project.

Not everybody may see where a confidential issue went. Its row keeps the identity of the linked
issue, so no list, error or vanished link reveals the new place. The row gets the content of the
issue at its new place, and the reference for those who may see everything.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import update

from gitlab_links.extensions import change_rows, db
from gitlab_links.gitlab.item_moves import Moved
from gitlab_links.gitlab.items import ItemRef
from gitlab_links.gitlab.snapshot import Snapshot
from gitlab_links.links.items import cached_item
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.sync.moved_mentions import move_mentions
from gitlab_links.sync.project_successors import move_links_to


def with_moved_content(
    snapshots: Mapping[int, Snapshot], moves: Mapping[int, Moved]
) -> Mapping[int, Snapshot]:
    """The snapshots; a moved confidential issue has the content of its new place."""
    now = {
        iid: _as_linked(snapshot, moves[iid].issue)
        for iid, snapshot in snapshots.items()
        if iid in moves and moves[iid].may_be_confidential
    }
    return {**snapshots, **now}


def _as_linked(linked: Snapshot, target: Snapshot) -> Snapshot:
    """The content of the new place, with the identity of the linked issue."""
    times = [one.updated_at for one in (linked, target) if isinstance(one.updated_at, datetime)]
    return replace(
        target,
        iid=linked.iid,
        project_id=linked.project_id,
        project_path=linked.project_path,
        gitlab_id=linked.gitlab_id,
        created_at=linked.created_at,
        moved_to_id=linked.moved_to_id,
        updated_at=max(times) if times else linked.updated_at,
        confidential=True,
    )


def record_move(item: GitLabItem, move: Moved | None) -> None:
    """Record where an issue was moved, if at all. Its links follow it if everybody may see it."""
    if move is None or move.may_be_confidential:
        ref = None if move is None else move.ref
        target = (None, None) if ref is None else (ref.project_path, ref.iid)
        if target != (item.moved_path, item.moved_iid):
            item.moved_path, item.moved_iid = target
        return
    follow(item, move.ref)


def follow(item: GitLabItem, ref: ItemRef) -> None:
    """Point the links of a moved issue at its new place, which is then fetched.

    The old issue stays in GitLab, closed, with a reference to the new one. Its row is deleted.
    """
    project = db.session.get_one(GitLabProject, item.project_id)
    target = cached_item(project.org_id, project.base_url, ref)
    if target.id == item.id:
        return
    _save_reference(item, project.path)
    move_links_to(target.id, TaskGitLabLink.item_id == item.id, public=True)
    move_mentions({item.id: target.id})
    db.session.delete(item)
    db.session.flush()


def _save_reference(item: GitLabItem, path: str) -> None:
    """Store the original reference in the links: not everybody may see the new place."""
    link = TaskGitLabLink
    change_rows(
        update(link)
        .where(link.item_id == item.id, link.made_path.is_(None))
        .values(made_path=path, made_iid=item.iid)
    )
