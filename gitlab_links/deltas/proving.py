"""What a reading of changes proves about the items that it does not have."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Update, and_, case, func, or_, select, update

from gitlab_links.deltas.intervals import READ_AGAIN, READ_AT
from gitlab_links.deltas.marks import Delta, Source
from gitlab_links.deltas.models import GitLabDeltaMark
from gitlab_links.extensions import change_rows, db
from gitlab_links.gitlab.items import ItemType
from gitlab_links.gitlab.pipelines import PIPELINE_MOVING
from gitlab_links.links.freshness import (
    ENDED,
    FULL_READING,
    PROVEN_AT,
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
    clock, and that of the answer by GitLab's. ``newest`` is the time of the newest change until
    now.
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
    proven to arrive, of which changes are read less often. ``interval`` is the time to the next
    reading, the same for all that is read together.
    """

    covered: Collection[Source]
    trusted: Collection[uuid.UUID]
    now: datetime
    ttl: int
    interval: timedelta


def conclude(read: Sequence[tuple[Proof, GitLabDeltaMark]], terms: Terms) -> None:
    """Note what the readings prove, and move their marks.

    As many statements for many projects as for one: all were read by the same few calls.
    """
    proven = []
    for proof, mark in read:
        move(proof, mark, terms)
        if proof.went_back:
            make_due(proof.delta, terms.now)
        else:
            proven.append((proof, mark))
    _request_absent([proof for proof, _ in proven], terms.now)
    alike: defaultdict[_Alike, list[uuid.UUID]] = defaultdict(list)
    for proof, mark in proven:
        delta = proof.delta
        source = (delta.project_row, delta.kind.value)
        if source in terms.covered and delta.proven_at is not None:
            since = mark.proven_since or proof.started_at
            key = _Alike(delta.type, delta.proven_at, since, proof.started_at, mark.due_at)
            alike[key].append(delta.project_row)
    for key, projects in alike.items():
        _cover(projects, key, terms)


def move(proof: Proof, mark: GitLabDeltaMark, terms: Terms) -> None:
    """Move the mark of a complete reading; what was read has to be in the same transaction.

    By GitLab's clock, but not beyond ours: earlier than needed does no harm, some is read again.
    Without GitLab's date, as behind some proxies, the newest change is all that is certain; one
    of the future, which GitLab lets be written, says nothing.
    """
    if proof.gitlab_time is not None:
        mark.seen_until = min(proof.gitlab_time, terms.now)
    else:
        known = [one for one in (proof.newest, mark.seen_until) if one is not None]
        mark.seen_until = min(max(known, default=proof.delta.since), terms.now)
    mark.reached, mark.list_wanted = None, False
    mark.failures, mark.error_code = 0, None
    mark.proven_at = proof.started_at
    if proof.went_back or mark.proven_since is None or mark.proven_since > terms.now:
        mark.proven_since = proof.started_at
    # The first reading proves nothing yet, so the second one follows soon.
    is_trusted = proof.delta.project_row in terms.trusted and proof.delta.proven_at is not None
    due_at = proof.started_at + (max(TRUSTED_FOR, terms.interval) if is_trusted else terms.interval)
    if proof.delta.due_at not in {None, mark.due_at}:  # wanted again, after this began
        due_at = min(due_at, proof.started_at + READ_AGAIN)
    mark.due_at = due_at
    mark.calls, mark.changes = mark.calls_so_far, mark.changes_so_far
    mark.calls_so_far = mark.changes_so_far = 0


def note_failed(mark: GitLabDeltaMark, code: str, now: datetime) -> None:
    """The reading failed, and is tried again later. What it would prove is not proven."""
    mark.failures += 1
    mark.error_code = code
    mark.due_at = retry_after(mark.failures, now)


def make_due(delta: Delta, now: datetime) -> None:
    """Make the project's items due: it is not known what changed."""
    of_source = (_item.project_id == delta.project_row, _item.type == delta.type)
    change_rows(_unlocked(*of_source, _item.next_sync_at > now).values(next_sync_at=now))


def _request_absent(proofs: Sequence[Proof], now: datetime) -> None:
    """Request the items that should be among the changes and are not: they were deleted, hidden,
    or GitLab was restored from a backup. The fetch finds out.
    """
    if not proofs:
        return
    sources = {(one.delta.project_row, one.delta.type.value): one for one in proofs}
    columns = (_item.id, _item.project_id, _item.type, _item.iid)
    rows = db.session.execute(
        select(*columns, _item.source_updated_at, _item.last_synced_at).where(
            _of_projects(proofs),
            _item.source_updated_at >= min(one.delta.since for one in proofs),
            _item.error_code.is_(None),
            _item.refresh_requested_at.is_(None),
        )
    ).all()
    absent = [
        row.id
        for row in rows
        if row.iid not in (proof := sources[row.project_id, row.type]).iids
        and row.source_updated_at >= proof.delta.since
        and row.last_synced_at < proof.started_at
    ]
    if absent:
        expected = _unlocked(_item.id.in_(absent), _item.refresh_requested_at.is_(None))
        change_rows(expected.values(refresh_requested_at=now, next_sync_at=now))


def _of_projects(proofs: Sequence[Proof]) -> ColumnElement[bool]:
    by_type: defaultdict[ItemType, list[uuid.UUID]] = defaultdict(list)
    for proof in proofs:
        by_type[proof.delta.type].append(proof.delta.project_row)
    return or_(
        *(
            and_(_item.project_id.in_(projects), _item.type == type_)
            for type_, projects in by_type.items()
        )
    )


@dataclass(frozen=True, slots=True)
class _Alike:
    """What readings of a type have in common that prove the same at the same time."""

    type: ItemType
    proven_at: datetime
    proven_since: datetime
    current_at: datetime
    due_at: datetime


def _cover(projects: Sequence[uuid.UUID], key: _Alike, terms: Terms) -> None:
    """Record that the other items of these projects have not changed; one statement.

    This proves nothing for items that were not current when the reading before began, nor for
    those whose newest content is a webhook's that GitLab's API has not confirmed. Items that
    were not fetched for ``FULL_READING`` are left out, and so become due.

    The times of closed and merged items are set anew only when they would be due. They have not
    changed since ``proven_since`` if no reading since then had them.
    """
    current_at = key.current_at
    late = timedelta(seconds=terms.ttl * (PROVEN_AT - READ_AT))
    again = max(current_at + timedelta(seconds=terms.ttl * PROVEN_AT), key.due_at + late)
    is_ended = (_item.state.in_(ENDED), current_at + max(ENDED_AGAIN, again - current_at))
    unchanged = _unlocked(
        _item.project_id.in_(projects),
        _item.type == key.type,
        or_(_item.state.not_in(ENDED), _item.next_sync_at <= again),
        or_(
            _item.last_synced_at >= key.proven_at,
            and_(_item.state.in_(ENDED), _item.last_synced_at >= key.proven_since),
        ),
        _item.last_synced_at <= current_at,
        _item.fetched_at > terms.now - FULL_READING,
        _item.refresh_requested_at.is_(None),
        _item.error_code.is_(None),
        _item.unconfirmed_since.is_(None),
        _item.unproven_since.is_(None),
        # GitLab is computing the merge status, and it is requested again soon.
        func.coalesce(_item.merge_rechecks, 0) == 0,
    )
    change_rows(
        unchanged.values(last_synced_at=current_at, next_sync_at=case(is_ended, else_=again))
    )


def _unlocked(*conditions: ColumnElement[bool]) -> Update:
    """Change the items that meet the conditions. Locked rows are left out: whoever changes them
    schedules them too.
    """
    found = select(_item.id).where(*conditions).with_for_update(skip_locked=True)
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
