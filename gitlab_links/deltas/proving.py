"""What a reading of changes proves about the items that it does not have."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Update, case, func, or_, select, update

from gitlab_links.deltas.marks import Delta, Source, interval
from gitlab_links.deltas.models import GitLabDeltaMark
from gitlab_links.extensions import change_rows
from gitlab_links.gitlab.items import ItemType
from gitlab_links.gitlab.pipelines import PIPELINE_MOVING
from gitlab_links.links.freshness import (
    ENDED,
    FULL_LOOK,
    PROVEN_AT,
    REFRESH_AT,
    TRUSTED_FOR,
    retry_after,
)
from gitlab_links.links.models import GitLabItem

# Closed and merged items count as fresh for a day; this often their time is set anew.
ENDED_AGAIN = timedelta(hours=6)

_item = GitLabItem


@dataclass(frozen=True, slots=True)
class Proof:
    """A complete reading of changes: the iids that it has, the time before its last call by our
    clock, and that of the answer by GitLab's.
    """

    delta: Delta
    iids: Collection[int]
    started_at: datetime
    gitlab_time: datetime | None
    newest: datetime | None = None

    @property
    def went_back(self) -> bool:
        """Whether GitLab's clock was set back: changes since may have times from before."""
        return self.gitlab_time is not None and self.gitlab_time < self.delta.since


@dataclass(frozen=True, slots=True)
class Terms:
    """How readings are recorded. ``covered`` are the projects and types whose items count as
    unchanged if they are not among the changes. ``trusted`` are projects whose webhooks are
    proven to arrive, of which changes are read less often.
    """

    covered: Collection[Source]
    trusted: Collection[uuid.UUID]
    now: datetime
    ttl: int


def conclude(proof: Proof, mark: GitLabDeltaMark, terms: Terms) -> None:
    """Note what the reading proves, and move the mark."""
    source = (proof.delta.project_row, proof.delta.kind.value)
    move(proof, mark, terms)
    if proof.went_back:
        make_due(proof.delta, terms.now)
        return
    _request_absent(proof, terms.now)
    if source in terms.covered:
        _cover(proof, mark, terms)


def move(proof: Proof, mark: GitLabDeltaMark, terms: Terms) -> None:
    """Move the mark of a complete reading; what was read has to be in the same transaction.

    By GitLab's clock, but not beyond ours: earlier than needed does no harm, some is read again.
    Without GitLab's date, as behind some proxies, the newest change is all that is certain.
    """
    if proof.gitlab_time is not None:
        mark.seen_until = min(proof.gitlab_time, terms.now)
    else:
        known = [one for one in (proof.newest, mark.seen_until) if one is not None]
        mark.seen_until = max(known, default=proof.delta.since)
    mark.reached, mark.list_wanted = None, False
    mark.failures, mark.error_code = 0, None
    mark.proven_at = proof.started_at
    is_trusted = proof.delta.project_row in terms.trusted
    mark.due_at = proof.started_at + (
        max(TRUSTED_FOR, interval(terms.ttl)) if is_trusted else interval(terms.ttl)
    )
    mark.calls, mark.changes = mark.calls_so_far, mark.changes_so_far
    mark.calls_so_far = mark.changes_so_far = 0


def note_failed(mark: GitLabDeltaMark, code: str, now: datetime) -> None:
    """The reading failed, and is tried again later. What it would prove is not proven."""
    mark.failures += 1
    mark.error_code = code
    mark.due_at = retry_after(mark.failures, now)


def make_due(delta: Delta, now: datetime) -> None:
    """Make the project's items due: it is not known what changed."""
    change_rows(_of_source(delta, _item.next_sync_at > now).values(next_sync_at=now))


def _request_absent(proof: Proof, now: datetime) -> None:
    """Request the items that should be among the changes and are not: they were deleted, hidden,
    or GitLab was restored from a backup. The fetch finds out.
    """
    expected = _of_source(
        proof.delta,
        _item.source_updated_at >= proof.delta.since,
        _item.last_synced_at < proof.started_at,
        _item.error_code.is_(None),
        _item.refresh_requested_at.is_(None),
        _item.iid.not_in(proof.iids),
    )
    change_rows(expected.values(refresh_requested_at=now, next_sync_at=now))


def _cover(proof: Proof, mark: GitLabDeltaMark, terms: Terms) -> None:
    """Record that the other items have not changed; one statement.

    This proves nothing for items that were not current when the reading before began, nor for
    those whose newest content is a webhook's that GitLab's API has not confirmed. Items that
    were not fetched for ``FULL_LOOK`` are left out, and so become due.
    """
    delta, current_at = proof.delta, proof.started_at
    if delta.proven_at is None:
        return
    late = timedelta(seconds=terms.ttl * (PROVEN_AT - REFRESH_AT))
    again = max(current_at + timedelta(seconds=terms.ttl * PROVEN_AT), mark.due_at + late)
    unchanged = _of_source(
        delta,
        or_(_item.state.not_in(ENDED), _item.next_sync_at <= again),
        _item.last_synced_at >= delta.proven_at,
        _item.last_synced_at <= current_at,
        _item.fetched_at > terms.now - FULL_LOOK,
        _item.refresh_requested_at.is_(None),
        _item.error_code.is_(None),
        _item.unconfirmed_since.is_(None),
        _item.unproven_since.is_(None),
        # GitLab is computing the merge status, and it is requested again soon.
        func.coalesce(_item.merge_rechecks, 0) == 0,
    )
    is_ended = (_item.state.in_(ENDED), current_at + max(ENDED_AGAIN, again - current_at))
    change_rows(
        unchanged.values(last_synced_at=current_at, next_sync_at=case(is_ended, else_=again))
    )


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


def request_statuses(org_id: uuid.UUID, now: datetime, *conditions: ColumnElement[bool]) -> int:
    """Request the statuses of an org's merge requests that are open, or were merged while their
    pipeline ran; returns of how many.
    """
    found = (
        select(_item.id)
        .where(
            _item.org_id == org_id,
            _item.type == ItemType.MERGE_REQUEST,
            or_(_item.state.not_in(ENDED), _item.pipeline_status.in_(PIPELINE_MOVING)),
            _item.error_code.is_(None),
            *conditions,
        )
        .with_for_update(skip_locked=True)
    )
    return change_rows(update(_item).where(_item.id.in_(found)).values(status_wanted_at=now))
