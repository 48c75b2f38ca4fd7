"""Decide when to fetch the single form of a merge request, which costs one call per item.

Only the single form has the status of the pipeline, and only it makes GitLab compute whether
the merge request can be merged. A list of a hundred has everything else.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from gitlab_links.gitlab.items import ItemState, ItemType
from gitlab_links.gitlab.pipelines import PIPELINE_MOVING
from gitlab_links.gitlab.snapshot import UNKNOWN, Snapshot, Unknown
from gitlab_links.links.models import GitLabItem

# GitLab computes the status on request, and answers with one of these until it is done.
MERGE_STATUS_PENDING = frozenset(
    {
        "unchecked",
        "checking",
        "preparing",
        "approvals_syncing",
        "cannot_be_merged_recheck",
        "cannot_be_merged_rechecking",
    }
)
# When to fetch a merge status again that GitLab is computing; afterwards by schedule.
RECHECKS = (timedelta(seconds=3), timedelta(seconds=10), timedelta(seconds=30))
# A pipeline may start, or run again, without any sign in the list. The single form is fetched
# again after this part of the time without a change, and at least once a day.
QUIET_PART = 1 / 2
LONGEST_INTERVAL = timedelta(days=1)
# For this long, a pipeline that the token may not see is never fetched again.
HIDDEN_FOR = timedelta(days=1)

KnownDetail = tuple[str | None, str | None]


def detail_due(item: Row[*tuple[Any, ...]], now: datetime) -> bool:
    """Whether to fetch the single form regardless of the list.

    False for ``HIDDEN_FOR`` after an answer showed that the present token may not see the pipeline.
    """
    if _hides_pipeline(item, now):
        return False
    if item.detail_wanted:
        return True
    if item.type != ItemType.MERGE_REQUEST or item.state != ItemState.OPENED:
        return False
    last_fetch = item.detail_fetched_at
    if last_fetch is None or last_fetch > now:
        return True
    quiet = last_fetch - (item.source_updated_at or last_fetch)
    return bool(now >= last_fetch + min(quiet * QUIET_PART, LONGEST_INTERVAL))


def _hides_pipeline(item: Row[*tuple[Any, ...]], now: datetime) -> bool:
    last_fetch = item.detail_fetched_at
    return (
        bool(item.pipeline_hidden)
        and last_fetch is not None
        and (item.token_set_at is None or item.token_set_at <= last_fetch)
        and last_fetch <= now < last_fetch + HIDDEN_FOR
    )


def detail_shows(listed: Snapshot, head_sha: str | None, merge_status: str | None) -> bool:
    """Whether an answer of the list suggests that the single form has changed.

    ``head_sha`` and ``merge_status`` are the cached values before it.
    """
    if listed.state is not ItemState.OPENED:
        return listed.head_sha not in (UNKNOWN, None, head_sha) and head_sha is not None
    turned_pending = listed.merge_status in MERGE_STATUS_PENDING
    return _has_moved(listed.head_sha, head_sha) or (
        turned_pending and merge_status not in MERGE_STATUS_PENDING
    )


def wants_detail_after_body(item: GitLabItem, body: Snapshot, before: KnownDetail) -> bool:
    """Whether to fetch the single form after a webhook: for new commits, or a merge status that
    GitLab is computing. ``before`` is ``known_of`` the item before the webhook was applied.
    """
    if item.type != ItemType.MERGE_REQUEST:
        return False
    head_sha, merge_status = before
    turned_pending = (
        body.merge_status in MERGE_STATUS_PENDING
        and item.state == ItemState.OPENED
        and merge_status not in MERGE_STATUS_PENDING
    )
    return body.pushed or _has_moved(body.head_sha, head_sha) or turned_pending


def known_of(item: GitLabItem) -> KnownDetail:
    """The cached head commit and merge status."""
    return item.head_sha, item.merge_status


def note_detail(
    item: GitLabItem,
    fetched: Snapshot,
    before: KnownDetail,
    started_at: datetime,
    now: datetime,
) -> None:
    """Decide from an applied answer when to fetch the single form next.

    A single form without a pipeline counts as an answer: it is not fetched again at once.
    """
    if item.type != ItemType.MERGE_REQUEST:
        item.detail_wanted = False
        return
    if fetched.detailed or fetched.pipeline_status is not UNKNOWN:
        item.detail_fetched_at = started_at
        item.pipeline_hidden = fetched.pipeline_status is UNKNOWN
        item.detail_wanted = fetched.pipeline_status in PIPELINE_MOVING
    elif detail_shows(fetched, *before):
        item.detail_wanted = True
    _recheck(item, now)


def note_statuses(item: GitLabItem, started_at: datetime, now: datetime) -> None:
    """Decide from the two statuses, read without the rest, when to read them next. While GitLab
    is computing the merge status, the first time again alone, then as after a fetch.
    """
    item.detail_fetched_at = started_at
    item.detail_wanted = item.pipeline_status in PIPELINE_MOVING
    if is_pending(item) and not item.merge_rechecks:
        item.merge_rechecks = 1
        item.status_wanted_at = now + RECHECKS[0]
    else:
        _recheck(item, now)


def is_pending(item: GitLabItem) -> bool:
    """Whether GitLab is computing whether it can be merged."""
    return item.merge_status in MERGE_STATUS_PENDING and item.state == ItemState.OPENED


def _recheck(item: GitLabItem, now: datetime) -> None:
    """Fetch soon again while GitLab is computing the merge status."""
    done = item.merge_rechecks or 0
    if not is_pending(item):
        item.merge_rechecks = 0
    elif done < len(RECHECKS):
        item.merge_rechecks = done + 1
        item.detail_wanted = True
        item.next_sync_at = min(item.next_sync_at, now + RECHECKS[done])


def _has_moved(sha: str | Unknown | None, known: str | None) -> bool:
    return isinstance(sha, str) and sha != known
