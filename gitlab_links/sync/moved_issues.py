"""Find the new places of moved issues in GitLab."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from gitlab_links.gitlab.answers import GitLabFailure
from gitlab_links.gitlab.item_moves import Moved
from gitlab_links.gitlab.snapshot import Snapshot
from gitlab_links.sync.blame import Kind, kind_of
from gitlab_links.sync.due_items import Batch

if TYPE_CHECKING:
    from gitlab_links.gitlab.item_client import ItemClient

# A confidential issue is followed this many moves in one round. The next round follows others.
MOST_MOVES = 3


def find_moves(
    client: "ItemClient", batch: Batch, found: dict[int, Snapshot], in_time: Callable[[], bool]
) -> dict[int, Moved]:
    """The new places of the moved issues in ``found``, by iid; two calls each.

    If GitLab cannot answer for an issue that shows the content of its new place, the issue is
    removed from ``found``: it keeps its content and is fetched again.
    """
    moves: dict[int, Moved] = {}
    known = {item.iid for item in batch.items if item.is_moved}
    for issue in list(found.values()):
        if not isinstance(issue.moved_to_id, int):
            continue
        move, is_answered = _find(client, batch, issue) if in_time() else (None, False)
        if move is not None:
            moves[issue.iid] = move
        elif not is_answered and issue.iid in known:
            del found[issue.iid]
    return moves


def _find(client: "ItemClient", batch: Batch, issue: Snapshot) -> tuple[Moved | None, bool]:
    """The new place, and whether GitLab answered."""
    move: Moved | None = None
    path = issue.project_path or batch.path
    try:
        for _ in range(MOST_MOVES):
            further = None if path is None else client.find_moved(issue, path)
            if further is None:
                break
            move, issue, path = further, further.issue, further.ref.project_path
            if not (move.may_be_confidential and isinstance(issue.moved_to_id, int)):
                break
    except GitLabFailure as failure:
        if failure.stops_all_calls:
            raise
        return move, kind_of(failure) is not Kind.TROUBLE
    return move, True
