"""Write GitLab's data into cached items. The caller must lock the rows."""

from dataclasses import replace
from datetime import datetime, timedelta

from gitlab_links.gitlab.items import ItemState
from gitlab_links.gitlab.snapshot import UNKNOWN, Snapshot
from gitlab_links.links.freshness import (
    GONE,
    RETRY_FIRST,
    Pace,
    next_sync_after,
    request_refresh,
    retry_after,
)
from gitlab_links.links.models import GitLabItem
from gitlab_links.mentions.pattern import KeyPattern
from gitlab_links.mentions.storing import store_mentions
from gitlab_links.rules.marking import BODY_FIELDS, body_fields
from gitlab_links.sync.compared_fields import compared_fields
from gitlab_links.sync.confirmations import (
    end_claim,
    is_contradicted,
    note_unconfirmed,
    request_confirmation,
    restart_claim,
)
from gitlab_links.sync.filling import fill, set_changed
from gitlab_links.sync.identity import is_same
from gitlab_links.sync.known_content import known_content, past
from gitlab_links.sync.merge_request_details import known_of, note_detail, wants_detail_after_body
from gitlab_links.sync.ordering import (
    BodyVerdict,
    FetchVerdict,
    Known,
    Trust,
    confirms,
    decide_on_body,
    decide_on_fetched,
    missed_a_body,
    unproven_after,
)
from gitlab_links.sync.pipeline_statuses import is_overtaken
from gitlab_links.sync.unreadable_items import stays_hidden

REPEAT_AFTER = timedelta(seconds=3)
# Fields that webhook bodies leave out, and that fetches write; see ``_has_gaps``.
ONLY_FROM_FETCHES = frozenset(
    {
        "author",
        "milestone",
        "closed_at",
        "merged_at",
        "pipeline_status",
        "pipeline_path",
        "comments",
        "source_project_id",
        "source_branch",
        "head_sha",
        "target_branch",
        "merged_by",
        # Only some bodies have them, and no fetch has.
        "reviews",
    }
)


def apply_body(
    item: GitLabItem,
    body: Snapshot,
    *,
    received_at: datetime,
    now: datetime,
    ttl: int,
    trust: Trust = Trust.PROVEN,
    pattern: KeyPattern | None = None,
) -> BodyVerdict:
    """Apply a webhook's content if it is newer, and request a fetch if that is not enough.

    It is enough if no shown field is missing afterwards: the body has every field that bodies
    can have, and earlier fetches wrote the rest. Only a fetch may say that an item is no
    longer confidential, was moved, or exists again. Returns the decision.

    ``pattern`` finds the tasks that the texts mention. They count if the body is proven; else
    GitLab's API has to confirm it first, because they make links. So it is with what the status
    rules see (``unproven_since``).
    """
    updated_at = None if body.updated_at is UNKNOWN else body.updated_at
    received_at = min(received_at, now)  # the clock may have been set back since
    known, trusted = known_content(item, now), trust is not Trust.NONE
    verdict = decide_on_body(known, updated_at, received_at, trusted=trusted)
    if verdict is BodyVerdict.DROP:
        return verdict
    if is_same(item, body) is False or item.moved_iid is not None:
        request_refresh(item, now)
        return BodyVerdict.FETCH
    body = _without_fields_of_fetches(item, body)
    detail_before = known_of(item)
    if verdict is BodyVerdict.APPLY:
        _fill_from_body(item, body, known, trust, received_at=received_at, now=now)
        _mark_synced_by_body(item, received_at, now, ttl)
        if trust is Trust.UNTIL_CONFIRMED:
            request_confirmation(item, received_at)
        store_mentions(item, body.text, pattern, now, proven=trust is Trust.PROVEN)
    detail = trusted and wants_detail_after_body(item, body, detail_before)
    if verdict is BodyVerdict.FETCH or body.unknown_fields() - ONLY_FROM_FETCHES or _has_gaps(item):
        request_refresh(item, now, detail=detail)
    elif detail:
        item.status_wanted_at = now
    return verdict


def _without_fields_of_fetches(item: GitLabItem, body: Snapshot) -> Snapshot:
    if item.confidential and body.confidential is False:
        body = replace(body, confidential=UNKNOWN)
    if body.moved_to_id != item.moved_to_id:
        body = replace(body, moved_to_id=UNKNOWN)
    return body


def _fill_from_body(
    item: GitLabItem,
    body: Snapshot,
    known: Known,
    trust: Trust,
    *,
    received_at: datetime,
    now: datetime,
) -> None:
    before, ruled = compared_fields(item), body_fields(item)
    fill(item, body, now)
    note_unconfirmed(item, known, before, received_at)
    item.unproven_since = unproven_after(
        item.unproven_since,
        trust,
        received_at,
        changes=body_fields(item) != ruled,
        complete=not body.unknown_fields() & set(BODY_FIELDS),
    )
    item.webhook_applied_at = received_at


def _mark_synced_by_body(item: GitLabItem, received_at: datetime, now: datetime, ttl: int) -> None:
    failed = (item.error_code, item.failures)
    # This event proves that events of the item arrive.
    _mark_synced(item, received_at, now, ttl, proven=True)
    if failed[0] in GONE:  # only a fetch may end this
        item.error_code, item.failures = failed
        request_refresh(item, now)


def apply_fetched(
    item: GitLabItem,
    fetched: Snapshot,
    *,
    started_at: datetime,
    now: datetime,
    ttl: int,
    proven: bool = False,
    pattern: KeyPattern | None = None,
) -> datetime | None:
    """Apply an answer of the API. A refresh requested after the fetch began stays open.

    ``proven``: events of the item's project arrive, so the item is polled less often. If the
    answer contradicts webhooks, returns when the first of them was received.
    """
    updated_at = None if fetched.updated_at is UNKNOWN else fetched.updated_at
    known = known_content(item, now)
    hides = fetched.confidential is True and not item.confidential
    verdict = decide_on_fetched(known, updated_at, started_at, hides=hides)
    if verdict is FetchVerdict.DROP:
        # A fetch that began later was applied already. It answers this one's request too.
        _answer_request(item, started_at, now)
        _schedule(item, next_sync_after(now, ttl, Pace.of(item, proven=proven)))
        return None
    if verdict is FetchVerdict.REPEAT:
        if confirms(known, updated_at):
            restart_claim(item)
        request_refresh(item, now + REPEAT_AFTER)
        return None
    cached, before = compared_fields(item), known_of(item)
    fetched = _without_overtaken_status(item, fetched, started_at, now)
    _fill_from_fetch(item, fetched, pattern, started_at, now)
    if hides and decide_on_fetched(known, updated_at, started_at) is FetchVerdict.REPEAT:
        # The item is withheld at once. Another fetch finds out whether a replica was lagging.
        contradicted = False
        request_refresh(item, now + REPEAT_AFTER)
    else:
        contradicted = is_contradicted(item, known, cached, updated_at, started_at)
        end_claim(item, now)
        if missed_a_body(known, updated_at, started_at):
            request_refresh(item, now + REPEAT_AFTER)
    _mark_synced(item, started_at, now, ttl, proven=proven)
    note_detail(item, fetched, before, started_at, now)
    return known.claim.received_at if contradicted and known.claim else None


def _without_overtaken_status(
    item: GitLabItem, fetched: Snapshot, started_at: datetime, now: datetime
) -> Snapshot:
    if fetched.pipeline_status is not UNKNOWN and is_overtaken(item, started_at, now):
        fetched = replace(fetched, pipeline_status=item.pipeline_status)
        item.status_wanted_at = now
    return fetched


def _fill_from_fetch(
    item: GitLabItem,
    fetched: Snapshot,
    pattern: KeyPattern | None,
    started_at: datetime,
    now: datetime,
) -> None:
    """Only the API's answers are trusted with the identity, not webhooks."""
    fill(item, fetched, now)
    store_mentions(item, fetched.text, pattern, now, proven=True)
    if fetched.gitlab_id is not None:
        set_changed(item, "gitlab_id", fetched.gitlab_id)
    if isinstance(fetched.created_at, datetime):
        set_changed(item, "gitlab_created_at", fetched.created_at)
    item.fetched_at = started_at
    item.unproven_since = None
    _answer_request(item, started_at, now)


def mark_failed(item: GitLabItem, code: str, *, started_at: datetime, now: datetime) -> None:
    """Record why a fetch failed, and schedule the next attempt. The cached content stays."""
    fetched_at = past(item.fetched_at, now)
    if fetched_at is not None and fetched_at > started_at:
        _answer_request(item, started_at, now)
        _schedule(item, max(item.next_sync_at, now + RETRY_FIRST))
        return
    item.failures += 1
    if item.error_code != code and not stays_hidden(item, code):
        item.error_code = code
        item.changed_at = now
    _answer_request(item, started_at, now)
    _schedule(item, retry_after(item.failures, now))


def postpone(item: GitLabItem, *, started_at: datetime, now: datetime) -> None:
    """Fetch again later what an answer has left open, without recording an error."""
    item.failures += 1
    _answer_request(item, started_at, now)
    _schedule(item, retry_after(item.failures, now))


def _mark_synced(
    item: GitLabItem, moment: datetime, now: datetime, ttl: int, *, proven: bool
) -> None:
    item.last_synced_at = max(moment, past(item.last_synced_at, now) or moment)
    _schedule(item, next_sync_after(item.last_synced_at, ttl, Pace.of(item, proven=proven)))
    item.error_code = None
    item.failures = 0
    item.changed_at = now


def _answer_request(item: GitLabItem, started_at: datetime, now: datetime) -> None:
    requested = past(item.refresh_requested_at, now)
    if requested is None or requested <= started_at:
        item.refresh_requested_at = None


def _schedule(item: GitLabItem, moment: datetime) -> None:
    """Schedule the next fetch, for an open request if there is one: a trigger may get lost, and
    the sweep, which then enqueues the job, reads only ``next_sync_at``.
    """
    item.next_sync_at = item.refresh_requested_at or moment


def _has_gaps(item: GitLabItem) -> bool:
    """Whether a shown field is missing or may be outdated, and only a fetch has it."""
    return (
        item.fetched_at is None
        or (item.milestone_id is not None and item.milestone is None)
        or (item.state == ItemState.MERGED and item.merged_at is None)
        or (item.state == ItemState.CLOSED and item.closed_at is None)
        or item.moved_to_id is not None
    )
