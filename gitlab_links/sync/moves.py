"""Links follow an issue that was moved to another project.

Where a confidential issue went is not for everybody. Its row stays what was linked, so that no
list, no refusal and no link that vanishes tells where it is now; it gets the content of what it
is now, and for those who see all the reference.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import update

from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemRef
from gitlab_links.gitlab.moves import Moved
from gitlab_links.gitlab.snapshot import Snapshot
from gitlab_links.links.items import cached_item
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.sync.succession import move_links_to


def with_moved_content(
    snapshots: Mapping[int, Snapshot], moves: Mapping[int, Moved]
) -> Mapping[int, Snapshot]:
    """The snapshots; those of confidential issues that were moved tell what they are now."""
    now = {
        iid: _as_linked(snapshot, moves[iid].issue)
        for iid, snapshot in snapshots.items()
        if iid in moves and moves[iid].may_be_confidential
    }
    return {**snapshots, **now}


def _as_linked(linked: Snapshot, there: Snapshot) -> Snapshot:
    """The content of one under the identity of the other."""
    times = [one.updated_at for one in (linked, there) if isinstance(one.updated_at, datetime)]
    return replace(
        there,
        iid=linked.iid,
        project_id=linked.project_id,
        project_path=linked.project_path,
        gitlab_id=linked.gitlab_id,
        created_at=linked.created_at,
        moved_to_id=linked.moved_to_id,
        updated_at=max(times) if times else linked.updated_at,
        confidential=True,
    )


def settle_move(item: GitLabItem, move: Moved | None) -> None:
    """Note where an issue was moved, if so; have its links follow it where all may see it."""
    if move is None or move.may_be_confidential:
        ref = None if move is None else move.ref
        there = (None, None) if ref is None else (ref.project_path, ref.iid)
        if there != (item.moved_path, item.moved_iid):
            item.moved_path, item.moved_iid = there
        return
    follow(item, move.ref)


def follow(item: GitLabItem, ref: ItemRef) -> None:
    """Have the links of a moved issue lead to what it is now, which is then fetched.

    The issue it was stays in GitLab, closed and pointing on, and is cached no longer.
    """
    project = db.session.get_one(GitLabProject, item.project_id)
    target = cached_item(project.org_id, project.base_url, ref)
    if target.id == item.id:
        return
    _keep_reference(item, project.path)
    move_links_to(target.id, TaskGitLabLink.item_id == item.id)
    db.session.delete(item)
    db.session.flush()


def _keep_reference(item: GitLabItem, path: str) -> None:
    """Where the issue went is not for everybody: its links keep how they were made."""
    link = TaskGitLabLink
    db.session.execute(
        update(link)
        .where(link.item_id == item.id, link.made_path.is_(None))
        .values(made_path=path, made_iid=item.iid)
        .execution_options(synchronize_session=False)
    )
