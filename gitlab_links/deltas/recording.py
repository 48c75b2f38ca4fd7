"""Write what a list of changes has to the linked items, and how far it was read."""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Update, and_, case, or_, select, update

from gitlab_links.deltas.applying import apply_listed
from gitlab_links.deltas.marks import COVERED, Delta, interval
from gitlab_links.deltas.mentioning import Unlinked, items_mentioning
from gitlab_links.deltas.models import GitLabDeltaMark
from gitlab_links.deltas.reading import DeltaAnswer
from gitlab_links.extensions import change_rows, db
from gitlab_links.integrations.changes import lock_integration
from gitlab_links.links.freshness import ENDED, FULL_LOOK, PROVEN_AT, retry_after
from gitlab_links.links.models import GitLabItem
from gitlab_links.mentions.attaching import MentionChanges
from gitlab_links.mentions.org_patterns import org_pattern
from gitlab_links.mentions.pattern import KeyPattern
from gitlab_links.observations.change_counts import count_changes
from gitlab_links.rules.marking import ItemMarks
from gitlab_links.sync.answers import Contradiction
from gitlab_links.sync.blame import blame
from gitlab_links.sync.connection_results import record_connection
from gitlab_links.sync.fetching import Round
from gitlab_links.sync.item_events import FETCH, ItemChanges

# Closed and merged items count as fresh for a day; this often their time is set anew.
ENDED_AGAIN = timedelta(hours=6)

_item = GitLabItem
_mark = GitLabDeltaMark


@dataclass(slots=True)
class Recorded:
    """The outcome of a round of lists.

    ``contradicted`` are items about which GitLab's API contradicts webhooks. ``unlinked`` are
    the listed items that were not linked: those that mention a task are linked in the same
    transaction, so that the marks move only with what was stored.
    """

    contradicted: list[Contradiction] = field(default_factory=list)
    unlinked: list[Unlinked] = field(default_factory=list)
    applied: int = 0


def record(
    org_id: uuid.UUID,
    calls: Round[DeltaAnswer],
    *,
    token_ciphertext: str | None,
    now: datetime,
    ttl: int,
) -> Recorded:
    """Apply a round of lists in one transaction, which the caller commits.

    ``token_ciphertext`` belongs to the token of the calls: if an admin has set another token
    since, the answers do not change the connection.
    """
    integration = lock_integration(org_id)  # first, in the same order as fetching
    recorded, by_webhook = Recorded(), Counter[uuid.UUID]()
    items = _locked([answer for answer in calls.answers if answer.listed])
    shown, seen_by_rules = ItemChanges(items.values()), ItemMarks(items.values())
    mentions, pattern = MentionChanges(items.values()), org_pattern(org_id)
    for answer in calls.answers:
        _apply(answer, items, recorded, by_webhook, pattern, now=now, ttl=ttl)
    shown.record(org_id, FETCH)
    seen_by_rules.write(org_id, now)
    new = items_mentioning(org_id, recorded.unlinked, pattern, now=now, ttl=ttl)
    mentions.attach(org_id, *new)
    db.session.flush()
    for answer in calls.answers:
        if answer.has_gap or _went_back(answer):
            _make_due(answer.delta, now)
        elif answer.failure is None and answer.reached is None:
            _request_absent(answer, now)
            _cover(answer, now, ttl)
        _move_mark(answer, now, ttl)
    count_changes(org_id, "by_webhook", by_webhook, now.date())
    if integration is not None and integration.token_ciphertext == token_ciphertext:
        record_connection(integration, calls.answers, blame(calls), now)
    return recorded


def _locked(answers: Sequence[DeltaAnswer]) -> dict[tuple[uuid.UUID, str, int], GitLabItem]:
    """The linked items, locked in the order in which all transactions lock them."""
    if not answers:
        return {}
    listed = [
        and_(
            _item.project_id == answer.delta.project_row,
            _item.type == answer.delta.type,
            _item.iid.in_(answer.listed.keys()),
        )
        for answer in answers
    ]
    rows = db.session.scalars(
        select(_item)
        .where(or_(*listed))
        .order_by(_item.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {(item.project_id, item.type, item.iid): item for item in rows}


def _apply(
    answer: DeltaAnswer,
    items: Mapping[tuple[uuid.UUID, str, int], GitLabItem],
    recorded: Recorded,
    by_webhook: Counter[uuid.UUID],
    pattern: KeyPattern,
    *,
    now: datetime,
    ttl: int,
) -> None:
    delta = answer.delta
    for iid, listed in answer.listed.items():
        item = items.get((delta.project_row, delta.type.value, iid))
        if item is None:
            recorded.unlinked.append(Unlinked(delta.project_row, listed))
            continue
        outcome = apply_listed(item, listed, pattern, now=now, ttl=ttl)
        recorded.applied += outcome.applied
        by_webhook[item.project_id] += outcome.by_webhook
        if outcome.contradicted_since is not None:
            recorded.contradicted.append(Contradiction(item.id, outcome.contradicted_since))


def _of_source(delta: Delta, *conditions: ColumnElement[bool]) -> Update:
    """Change the items of a project and type that meet the conditions. Locked rows are left out:
    whoever changes them schedules them too.
    """
    found = (
        select(_item.id)
        .where(_item.project_id == delta.project_row, _item.type == delta.type, *conditions)
        .with_for_update(skip_locked=True)
    )
    return update(_item).where(_item.id.in_(found))


def _went_back(answer: DeltaAnswer) -> bool:
    """Whether GitLab's clock was set back: changes since may have times from before the mark."""
    return answer.gitlab_time is not None and answer.gitlab_time < answer.delta.since


def _make_due(delta: Delta, now: datetime) -> None:
    change_rows(_of_source(delta, _item.next_sync_at > now).values(next_sync_at=now))


def _request_absent(answer: DeltaAnswer, now: datetime) -> None:
    """Request the items that the list should have and has not: they were deleted, hidden, or
    GitLab was restored from a backup. The fetch finds out.
    """
    expected = _of_source(
        answer.delta,
        _item.source_updated_at >= answer.delta.since,
        _item.last_synced_at < answer.started_at,
        _item.error_code.is_(None),
        _item.refresh_requested_at.is_(None),
        _item.iid.not_in(answer.listed.keys()),
    )
    change_rows(expected.values(refresh_requested_at=now, next_sync_at=now))


def _cover(answer: DeltaAnswer, now: datetime, ttl: int) -> None:
    """Record that the items that are not in the list have not changed; one statement.

    This proves nothing for items that were not current when the list before began, nor for
    those whose newest content is a webhook's that GitLab's API has not confirmed. Items that
    were not fetched for ``FULL_LOOK`` are left out, and so become due.
    """
    delta, current_at = answer.delta, answer.started_at
    if delta.proven_at is None or delta.type not in COVERED:
        return
    again = current_at + timedelta(seconds=ttl * PROVEN_AT)
    unchanged = _of_source(
        delta,
        _item.next_sync_at <= again,
        _item.last_synced_at >= delta.proven_at,
        _item.last_synced_at <= current_at,
        _item.fetched_at > now - FULL_LOOK,
        _item.refresh_requested_at.is_(None),
        _item.error_code.is_(None),
        _item.unconfirmed_since.is_(None),
    )
    is_ended = (_item.state.in_(ENDED), current_at + max(ENDED_AGAIN, again - current_at))
    change_rows(
        unchanged.values(last_synced_at=current_at, next_sync_at=case(is_ended, else_=again))
    )


def _move_mark(answer: DeltaAnswer, now: datetime, ttl: int) -> None:
    mark = db.session.scalars(
        select(_mark)
        .where(_mark.id == answer.delta.mark_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if mark is None:
        return
    mark.calls_so_far += answer.calls
    mark.changes_so_far += len(answer.listed)
    if answer.failure is not None:
        mark.failures += 1
        mark.error_code = answer.failure.code
        mark.due_at = retry_after(mark.failures, now)
    else:
        mark.failures, mark.error_code = 0, None
    if answer.reached is not None:
        mark.reached = answer.reached if answer.listed else mark.reached
        mark.due_at = max(mark.due_at, now) if answer.failure is not None else now
        return
    mark.reached = None
    mark.seen_until = _seen_until(answer, mark.seen_until, now)
    mark.proven_at = answer.started_at
    mark.due_at = answer.started_at + interval(ttl)
    mark.calls, mark.changes = mark.calls_so_far, mark.changes_so_far
    mark.calls_so_far = mark.changes_so_far = 0


def _seen_until(answer: DeltaAnswer, before: datetime | None, now: datetime) -> datetime | None:
    """The mark by GitLab's clock. Earlier than needed does no harm: some is read again.

    Without GitLab's date, as behind some proxies, the newest change is all that is certain.
    """
    if answer.gitlab_time is not None:
        return min(answer.gitlab_time, now)
    times = [one.snapshot.updated_at for one in answer.listed.values()]
    known = [moment for moment in (*times, before) if isinstance(moment, datetime)]
    return max(known, default=answer.delta.since)
