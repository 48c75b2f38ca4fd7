"""Find due items by index, and cut them into batches of one API call each."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Label, Row, Select, and_, exists, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute

from gitlab_links.extensions import change_rows, db
from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.gitlab.items import ItemState, ItemType, address_in_api
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.freshness import ENDED, FULL_READING, promise
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.rule_states.models import OrgRules, RulesMode
from gitlab_links.sync.clock_changes import not_leased
from gitlab_links.sync.merge_request_details import detail_due

BATCH_SIZE = 100
LOOK_AHEAD = 500
# A call costs the same for 1 item as for 100. A scheduled call also fetches items that are due
# within this part of the TTL, so the items of a project stay due together.
TAKE_ALONG = 0.5
# Calls for closed items only are rare, so they also fetch other items of the project.
TAKE_ENDED_ALONG = 0.25
# How often to check items of an instance that the org has left.
PARKED = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class DueItem:
    """One item of a batch, with its cached state.

    ``wants_detail``: the single form is needed. ``is_gone``: it was not found last time.
    ``from_webhook_only``: its content is from webhooks, never from the API. ``is_unseen``: it
    has no content yet. ``is_moved``: it shows the content of the issue that it was moved to.
    """

    id: uuid.UUID
    iid: int
    wants_detail: bool
    head_sha: str | None = None
    merge_status: str | None = None
    is_gone: bool = False
    from_webhook_only: bool = False
    is_unseen: bool = False
    is_moved: bool = False

    @classmethod
    def of(cls, row: "DueRow", now: datetime) -> "DueItem":
        """The item of a row of ``_COLUMNS``."""
        return cls(
            id=row.id,
            iid=row.iid,
            wants_detail=detail_due(row, now),
            head_sha=row.head_sha,
            merge_status=row.merge_status,
            is_gone=row.error_code == ErrorCode.NOT_FOUND,
            from_webhook_only=row.webhook_applied_at is not None and row.fetched_at is None,
            is_unseen=row.webhook_applied_at is None and row.fetched_at is None,
            is_moved=row.moved_iid is not None,
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """Up to 100 items of one project and type: one call of the list form.

    ``project`` is GitLab's id, or the path while the id is unknown. ``path`` is the project's
    current path, None while another project has it. ``only_ended``: all items are closed or
    merged. ``is_full_reading``: some were not fetched for ``FULL_READING``, or since all items of
    the org are to be.
    ``wants_default_branch``: the org's status rules need the project's default branch;
    ``default_branch`` is the one that is known.
    """

    project_row: uuid.UUID
    project: int | str
    path: str | None
    type: ItemType
    items: tuple[DueItem, ...]
    only_ended: bool = False
    default_branch: str | None = None
    wants_default_branch: bool = False
    is_full_reading: bool = False


def connected(now: datetime) -> ColumnElement[bool]:
    """Whether an integration may call its GitLab now, as an SQL condition."""
    integration = OrgGitLabIntegration
    return and_(
        integration.base_url.is_not(None),
        integration.token_ciphertext.is_not(None),
        or_(integration.paused_until.is_(None), integration.paused_until <= now),
    )


def orgs_due(now: datetime) -> Select[uuid.UUID]:
    """Orgs with due items, or with items to be made due, and without a fetcher; one index probe
    per connected org.
    """
    integration = OrgGitLabIntegration
    due = exists().where(GitLabItem.org_id == integration.org_id, GitLabItem.next_sync_at <= now)
    all_due = integration.items_due_since.is_not(None)
    return select(integration.org_id).where(connected(now), not_leased(now), or_(all_due, due))


def next_batches(
    org_id: uuid.UUID, base_url: str, *, now: datetime, ttl: int, limit: int
) -> list[Batch]:
    """Up to ``limit`` batches: requested items first, then those that are due the longest."""
    ours = GitLabProject.base_url == base_url
    requested = and_(ours, GitLabItem.refresh_requested_at <= now)
    batches = _grouped(_due(org_id, requested, GitLabItem.refresh_requested_at), now)
    if len(batches) < limit:
        late = and_(ours, GitLabItem.next_sync_at <= now, _not_requested(now))
        for batch in _grouped(_due(org_id, late, GitLabItem.next_sync_at), now):
            if len(batches) == limit:
                break
            batches.append(_filled_up(batch, _soon(batch, now, ttl), batches, now))
    return batches[:limit]


def _soon(batch: Batch, now: datetime, ttl: int) -> datetime:
    """Items that are due by then join the batch: all of them for a full reading, so that the
    next one is due for all at once.
    """
    if batch.is_full_reading:
        return datetime.max.replace(tzinfo=now.tzinfo)
    if batch.only_ended:
        return now + timedelta(seconds=promise(ItemState.CLOSED, ttl) * TAKE_ENDED_ALONG)
    return now + timedelta(seconds=ttl * TAKE_ALONG)


def has_due(org_id: uuid.UUID, now: datetime) -> bool:
    """Whether the org has due items, or all of them have to be made due."""
    due = exists().where(GitLabItem.org_id == org_id, GitLabItem.next_sync_at <= now)
    integration = OrgGitLabIntegration
    marked = exists().where(integration.org_id == org_id, integration.items_due_since.is_not(None))
    return bool(db.session.scalar(select(or_(marked, due))))


def has_requested(org_id: uuid.UUID, now: datetime) -> bool:
    """Whether a person or an event has requested items of the org."""
    requested = exists().where(GitLabItem.org_id == org_id, GitLabItem.refresh_requested_at <= now)
    return bool(db.session.scalar(select(requested)))


def park_foreign(org_id: uuid.UUID, base_url: str, now: datetime) -> None:
    """Postpone due items of an instance that the org has left."""
    foreign = select(GitLabProject.id).where(
        GitLabProject.org_id == org_id, GitLabProject.base_url != base_url
    )
    change_rows(
        update(GitLabItem)
        .where(
            GitLabItem.org_id == org_id,
            GitLabItem.next_sync_at <= now,
            GitLabItem.project_id.in_(foreign),
        )
        .values(next_sync_at=now + PARKED, refresh_requested_at=None)
    )


OrderedBy = InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None]
DueRow = Row[*tuple[Any, ...]]


def _of_connection(column: InstrumentedAttribute[datetime | None]) -> Label[datetime | None]:
    ours = OrgGitLabIntegration.org_id == GitLabItem.org_id
    return select(column).where(ours).scalar_subquery().label(column.key)


_COLUMNS = (
    GitLabItem.id,
    GitLabItem.iid,
    GitLabItem.detail_wanted,
    GitLabItem.detail_fetched_at,
    GitLabItem.pipeline_hidden,
    GitLabItem.source_updated_at,
    GitLabItem.head_sha,
    GitLabItem.merge_status,
    GitLabItem.error_code,
    GitLabItem.webhook_applied_at,
    GitLabItem.fetched_at,
    GitLabItem.moved_iid,
    GitLabItem.type,
    GitLabItem.project_id,
    GitLabProject.gitlab_id,
    GitLabProject.path,
    GitLabProject.path_key,
    GitLabProject.default_branch,
    exists()
    .where(OrgRules.org_id == GitLabItem.org_id, OrgRules.mode != RulesMode.OFF.value)
    .label("has_rules"),
    _of_connection(OrgGitLabIntegration.items_due_since),
    _of_connection(OrgGitLabIntegration.token_set_at),
    GitLabItem.state,
)


def _due(org_id: uuid.UUID, condition: ColumnElement[bool], order: OrderedBy) -> Sequence[DueRow]:
    statement = (
        select(*_COLUMNS)
        .join(GitLabItem.project)
        .where(GitLabItem.org_id == org_id, condition)
        .order_by(order)
        .limit(LOOK_AHEAD)
    )
    return db.session.execute(statement).all()


def _grouped(rows: Sequence[DueRow], now: datetime) -> list[Batch]:
    groups: dict[tuple[object, object], list[DueRow]] = {}
    for row in rows:
        groups.setdefault((row.project_id, row.type), []).append(row)
    return [
        _batch(group[start : start + BATCH_SIZE], now)
        for group in groups.values()
        for start in range(0, len(group), BATCH_SIZE)
    ]


def _batch(rows: Sequence[DueRow], now: datetime) -> Batch:
    first = rows[0]
    return Batch(
        project_row=first.project_id,
        project=address_in_api(first.gitlab_id, first.path),
        path=first.path if first.path_key is not None else None,
        type=ItemType(first.type),
        items=tuple(DueItem.of(row, now) for row in rows),
        only_ended=all(row.state in ENDED for row in rows),
        default_branch=first.default_branch,
        wants_default_branch=first.has_rules,
        is_full_reading=any(_was_read_long_ago(row, now) for row in rows),
    )


def _was_read_long_ago(row: DueRow, now: datetime) -> bool:
    read_since = now - FULL_READING
    if row.items_due_since is not None:
        read_since = max(read_since, row.items_due_since)
    return row.fetched_at is not None and row.fetched_at <= read_since


def _not_requested(now: datetime) -> ColumnElement[bool]:
    """Not requested for now; a request to confirm webhooks may be due later."""
    requested = GitLabItem.refresh_requested_at
    return or_(requested.is_(None), requested > now)


def _filled_up(batch: Batch, soon: datetime, before: Sequence[Batch], now: datetime) -> Batch:
    """The batch, filled up with other items of its project and type that are due soon."""
    if len(batch.items) == BATCH_SIZE:
        return batch
    key = (batch.project_row, batch.type)
    same = [other for other in before if (other.project_row, other.type) == key]
    taken = [item.id for other in same for item in other.items]
    rows = db.session.execute(
        select(*_COLUMNS)
        .join(GitLabItem.project)
        .where(
            GitLabItem.project_id == batch.project_row,
            GitLabItem.type == batch.type,
            GitLabItem.next_sync_at <= soon,
            _not_requested(now),
            GitLabItem.id.not_in(taken),
        )
        .order_by(GitLabItem.next_sync_at)
        .limit(BATCH_SIZE)
    ).all()
    return _batch(rows, now) if len(rows) > len(batch.items) else batch
