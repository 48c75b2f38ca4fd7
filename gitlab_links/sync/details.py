"""When the single form of a merge request is asked for, which costs a call an item.

It alone gives the status of the pipeline, and it alone has GitLab work out whether the
merge request can be merged. A list of a hundred gives everything else.
"""

from datetime import datetime, timedelta
from typing import Protocol

from gitlab_links.gitlab.items import ItemState, ItemType
from gitlab_links.gitlab.pipelines import PIPELINE_MOVING
from gitlab_links.gitlab.snapshot import UNKNOWN, Snapshot, Unknown
from gitlab_links.links.models import GitLabItem

# GitLab works these out when somebody asks, and answers before it has.
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
# How soon to ask again for a merge status that GitLab still works out; then by schedule.
RECHECKS = (timedelta(seconds=3), timedelta(seconds=10), timedelta(seconds=30))
# A pipeline may begin, or run again, without any sign in the list. Asked for again after a
# part of the time that the merge request has been left alone, within a day.
QUIET_PART = 1 / 2
ASKED_AT_LEAST = timedelta(days=1)
# For so long a pipeline that the token may not see is not asked for again, whoever asks.
HIDDEN_FOR = timedelta(days=1)

KnownDetail = tuple[str | None, str | None]


class Detailed(Protocol):
    """What of a cached item decides whether its single form is due."""

    @property
    def type(self) -> str: ...
    @property
    def state(self) -> str | None: ...
    @property
    def detail_wanted(self) -> bool: ...
    @property
    def detail_fetched_at(self) -> datetime | None: ...
    @property
    def pipeline_hidden(self) -> bool | None: ...
    @property
    def source_updated_at(self) -> datetime | None: ...


def detail_due(item: Detailed, now: datetime) -> bool:
    """Whether a fetch of the item is to ask for the single form, whatever the list says.

    Not while its answer still holds that the token may not see the pipeline.
    """
    if _hides_pipeline(item, now):
        return False
    if item.detail_wanted:
        return True
    if item.type != ItemType.MERGE_REQUEST or item.state != ItemState.OPENED:
        return False
    asked = item.detail_fetched_at
    if asked is None or asked > now:
        return True
    quiet = asked - (item.source_updated_at or asked)
    return now >= asked + min(quiet * QUIET_PART, ASKED_AT_LEAST)


def _hides_pipeline(item: Detailed, now: datetime) -> bool:
    asked = item.detail_fetched_at
    return bool(item.pipeline_hidden) and asked is not None and asked <= now < asked + HIDDEN_FOR


def detail_shows(listed: Snapshot, head_sha: str | None, merge_status: str | None) -> bool:
    """Whether an answer of the list is a sign that the single form has news.

    ``head_sha`` and ``merge_status`` are those known before.
    """
    if listed.state is not ItemState.OPENED:
        return listed.head_sha not in (UNKNOWN, None, head_sha) and head_sha is not None
    turned_pending = listed.merge_status in MERGE_STATUS_PENDING
    return _has_moved(listed.head_sha, head_sha) or (
        turned_pending and merge_status not in MERGE_STATUS_PENDING
    )


def ask_after_body(item: GitLabItem, told: Snapshot, before: KnownDetail) -> bool:
    """Whether a webhook's body calls for the single form: new commits, or a status that
    GitLab has yet to work out. ``before`` is ``known_of`` the item before it was applied.
    """
    if item.type != ItemType.MERGE_REQUEST:
        return False
    head_sha, merge_status = before
    turned_pending = (
        told.merge_status in MERGE_STATUS_PENDING
        and item.state == ItemState.OPENED
        and merge_status not in MERGE_STATUS_PENDING
    )
    return told.pushed or _has_moved(told.head_sha, head_sha) or turned_pending


def known_of(item: GitLabItem) -> KnownDetail:
    """The head and the merge status that are cached."""
    return item.head_sha, item.merge_status


def note_detail(
    item: GitLabItem,
    fetched: Snapshot,
    before: KnownDetail,
    started_at: datetime,
    now: datetime,
) -> None:
    """Note what an applied answer means for the next call of the single form.

    One that was asked and left the pipeline out has answered: it is not asked at once again.
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


def _recheck(item: GitLabItem, now: datetime) -> None:
    """Come back soon for a merge status that GitLab has been asked to work out."""
    is_pending = item.merge_status in MERGE_STATUS_PENDING and item.state == ItemState.OPENED
    done = item.merge_rechecks or 0
    if not is_pending:
        item.merge_rechecks = 0
    elif done < len(RECHECKS):
        item.merge_rechecks = done + 1
        item.detail_wanted = True
        item.next_sync_at = min(item.next_sync_at, now + RECHECKS[done])


def _has_moved(sha: str | Unknown | None, known: str | None) -> bool:
    return isinstance(sha, str) and sha != known
