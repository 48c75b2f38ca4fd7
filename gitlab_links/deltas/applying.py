"""Apply a listed item to the cached one, by the same ordering rule as every other answer."""

from dataclasses import dataclass
from datetime import datetime

from gitlab_links.deltas.reading import Listed
from gitlab_links.gitlab.items import ItemState
from gitlab_links.links.freshness import Pace, next_sync_after, request_refresh
from gitlab_links.links.models import GitLabItem
from gitlab_links.mentions.pattern import KeyPattern
from gitlab_links.sync.applying import apply_fetched
from gitlab_links.sync.change_sources import Before, note_fetched
from gitlab_links.sync.identity import is_same
from gitlab_links.sync.merge_request_details import RECHECKS, is_pending


@dataclass(frozen=True, slots=True)
class Applied:
    """``applied``: the cached item has the listed content now, or newer. ``by_webhook``: a
    webhook had reported the change. If GitLab contradicts webhooks, ``contradicted_since`` is
    when the first of them was received. ``was_merged``: the merge request is merged now.
    """

    applied: bool = False
    by_webhook: bool = False
    contradicted_since: datetime | None = None
    was_merged: bool = False


def apply_listed(
    item: GitLabItem, listed: Listed, pattern: KeyPattern, *, now: datetime, ttl: int
) -> Applied:
    """Apply a listed item; the caller has locked the row.

    What takes more than a list is requested instead: an issue that was moved, another item
    under the same number, one that was gone, the statuses of a merge request with new commits,
    the default branch that a merge may have gone to.
    """
    snapshot, started_at = listed.snapshot, listed.started_at
    if (
        is_same(item, snapshot) is False
        or item.error_code is not None
        or item.fetched_at is None
        or isinstance(snapshot.moved_to_id, int)
        or item.moved_iid is not None
    ):
        request_refresh(item, now)
        return Applied()
    before = Before.of(item)
    since = apply_fetched(
        item, snapshot, started_at=started_at, now=now, ttl=ttl, proven=True, pattern=pattern
    )
    by_webhook = note_fetched(item, before, started_at)
    was_merged = item.state == ItemState.MERGED and before.fields["state"] != ItemState.MERGED
    if item.detail_wanted and item.refresh_requested_at is None:
        _request_statuses(item, now, ttl)
    if was_merged and item.refresh_requested_at is None:
        request_refresh(item, now)
    return Applied(True, by_webhook, since, was_merged)


def _request_statuses(item: GitLabItem, now: datetime, ttl: int) -> None:
    """Have both statuses read, once GitLab had the time to compute the merge status. The list has
    made it do so; the item itself was fetched by it just now.
    """
    item.status_wanted_at = now
    if is_pending(item):
        item.status_wanted_at = now + RECHECKS[0]
        item.next_sync_at = next_sync_after(now, ttl, Pace.of(item, proven=True))
