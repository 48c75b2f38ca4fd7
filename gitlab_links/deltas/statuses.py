"""Read the statuses of many merge requests in one call: of the pipeline, and whether they can be
merged. Neither moves the time of a merge request, and a list has no pipeline.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, and_, exists, func, not_, or_, select, update

from gitlab_links.clock import utcnow
from gitlab_links.deltas.marks import STATUSES_EVERY, update_marks
from gitlab_links.deltas.models import DeltaKind, GitLabDeltaMark
from gitlab_links.extensions import change_rows, db
from gitlab_links.gitlab.answers import GitLabFailure, RateLimit
from gitlab_links.gitlab.items import ItemType
from gitlab_links.gitlab.project_changes import (
    MOST_PROJECTS_OF_STATUSES,
    MOST_STATUSES,
    Statuses,
)
from gitlab_links.integrations.changes import lock_integration
from gitlab_links.links.freshness import ENDED, request_refresh, retry_after
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.rules.marking import ItemMarks
from gitlab_links.sync.blame import blame
from gitlab_links.sync.connection_results import record_connection
from gitlab_links.sync.fetching import Call, InTime, Round
from gitlab_links.sync.item_events import FETCH, ItemChanges
from gitlab_links.sync.merge_request_details import note_statuses
from gitlab_links.sync.pipeline_statuses import is_overtaken
from gitlab_links.sync.same_branch import request_siblings

if TYPE_CHECKING:
    from gitlab_links.gitlab.delta_client import DeltaClient

# What is due within this time is read along: the call is made anyway.
READ_ALONG = STATUSES_EVERY / 2
# What was read within this time is not read again: a turn may take several calls.
READ_JUST_NOW = timedelta(minutes=2)
MOST_ROWS = MOST_PROJECTS_OF_STATUSES * MOST_STATUSES
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

_item = GitLabItem
_mark = GitLabDeltaMark
FoundRow = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Merge requests of one project to read the statuses of: their rows by iid. ``mark_id`` is
    set if no other that is open and linked remains to be read.
    """

    project_row: uuid.UUID
    path: str
    items: dict[int, uuid.UUID]
    mark_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    """The statuses by iid, in the order of the projects. ``found`` is None if the call failed,
    or if GitLab does not answer it (``refused``).
    """

    wanted: Sequence[Wanted]
    started_at: datetime
    found: Sequence[dict[int, Statuses]] | None = None
    refused: bool = False
    failure: GitLabFailure | None = None
    rate_limit: RateLimit | None = None


@dataclass(slots=True)
class StatusesRead:
    """The outcome, for the log."""

    read: int = 0
    changed: int = 0
    missing: list[int] = field(default_factory=list)


def wanted_statuses(org_id: uuid.UUID, base_url: str, now: datetime) -> list[Wanted]:
    """The statuses to read in one call: requested ones, and those of projects whose turn it is.
    Empty if there are none.
    """
    due = _due_marks(org_id, base_url, now)
    in_turn = and_(
        _item.project_id.in_([row.project_id for row in due]),
        _item.state.not_in(ENDED),
        _item.refresh_requested_at.is_(None),
        not_(func.coalesce(_item.detail_fetched_at, LONG_AGO).between(now - READ_JUST_NOW, now)),
    )
    rows = db.session.execute(
        select(_item.id, _item.iid, _item.project_id, GitLabProject.path)
        .join(GitLabProject, GitLabProject.id == _item.project_id)
        .where(
            _item.org_id == org_id,
            _item.type == ItemType.MERGE_REQUEST,
            GitLabProject.base_url == base_url,
            GitLabProject.gitlab_id.is_not(None),
            GitLabProject.path_key.is_not(None),
            _item.error_code.is_(None),
            or_(_item.status_wanted_at <= now, in_turn),
        )
        .order_by(_item.status_wanted_at.is_(None), _item.id)
        .limit(MOST_ROWS)
    ).all()
    if len(rows) == MOST_ROWS:
        # Of any project there may be more.
        return _by_project(rows, {})
    named = {row.project_id for row in rows}
    _pass_turn([row.id for row in due if row.project_id not in named])
    return _by_project(rows, {row.project_id: row.id for row in due})


def _by_project(rows: Sequence[FoundRow], marks: dict[uuid.UUID, uuid.UUID]) -> list[Wanted]:
    """As many as one call reads. A project of which it cannot read all keeps its turn."""
    found: dict[uuid.UUID, Wanted] = {}
    cut: set[uuid.UUID] = set()
    for row in rows:
        if row.project_id not in found and len(found) == MOST_PROJECTS_OF_STATUSES:
            continue
        wanted = found.setdefault(row.project_id, Wanted(row.project_id, row.path, {}))
        if len(wanted.items) < MOST_STATUSES:
            wanted.items[row.iid] = row.id
        else:
            cut.add(row.project_id)
    return [
        one if key in cut else replace(one, mark_id=marks.get(key)) for key, one in found.items()
    ]


def _due_marks(org_id: uuid.UUID, base_url: str, now: datetime) -> Sequence[FoundRow]:
    """The projects whose turn it is; if there are any, or statuses are requested, also others
    whose turn it is soon.
    """
    of_org = (
        _mark.org_id == org_id,
        _mark.kind == DeltaKind.STATUS,
        exists().where(GitLabProject.id == _mark.project_id, GitLabProject.base_url == base_url),
    )
    rows = db.session.execute(
        select(_mark.id, _mark.project_id, _mark.due_at)
        .where(*of_org, _mark.due_at <= now + READ_ALONG)
        .order_by(_mark.due_at)
        .limit(MOST_PROJECTS_OF_STATUSES)
    ).all()
    if any(row.due_at <= now for row in rows):
        return rows
    requested = exists().where(_item.org_id == org_id, _item.status_wanted_at <= now)
    return rows if rows and db.session.scalar(select(requested)) else []


def _pass_turn(mark_ids: Sequence[uuid.UUID]) -> None:
    """Of projects whose open merge requests were all read just now there is nothing to read."""
    if mark_ids:
        now = utcnow()
        passed = {"proven_at": now, "due_at": now + STATUSES_EVERY}
        change_rows(update_marks(_mark.id.in_(mark_ids)).values(passed))


def call_for(wanted: Sequence[Wanted]) -> Call[StatusAnswer]:
    """The call that reads them."""
    started_at = utcnow()

    def ask(client: "DeltaClient", _in_time: InTime) -> StatusAnswer:
        try:
            found = client.statuses([(one.path, sorted(one.items)) for one in wanted])
        except GitLabFailure as failure:
            return StatusAnswer(wanted, started_at, failure=failure, rate_limit=client.rate_limit)
        limit = client.rate_limit
        return StatusAnswer(wanted, started_at, found, found is None, rate_limit=limit)

    return Call(ask, lambda failure: StatusAnswer(wanted, started_at, failure=failure))


def record(
    org_id: uuid.UUID,
    calls: Round[StatusAnswer],
    *,
    token_ciphertext: str | None,
    now: datetime,
) -> StatusesRead:
    """Record the statuses in one transaction, which the caller commits."""
    integration = lock_integration(org_id)
    [answer], outcome = calls.answers, StatusesRead()
    if integration is not None and integration.token_ciphertext == token_ciphertext:
        record_connection(integration, calls.answers, blame(calls), now)
        if answer.refused:
            integration.changes_refused_at = now
    marks = [one.mark_id for one in answer.wanted if one.mark_id is not None]
    if answer.found is None:
        failed = {"failures": _mark.failures + 1, "due_at": retry_after(4, now)}
        change_rows(update_marks(_mark.id.in_(marks)).values(failed))
        _ask_otherwise(answer, now)
        return outcome
    items = _locked(answer.wanted)
    shown, seen_by_rules = ItemChanges(items.values()), ItemMarks(items.values())
    pipelines = {item.id: item.pipeline_status for item in items.values()}
    for wanted, statuses in zip(answer.wanted, answer.found, strict=True):
        for iid, item_id in wanted.items.items():
            if item_id in items:
                _record_one(items[item_id], statuses.get(iid), answer.started_at, now, outcome)
    shown.record(org_id, FETCH)
    seen_by_rules.write(org_id, now)
    changed = [one for one in items.values() if one.pipeline_status != pipelines[one.id]]
    request_siblings(org_id, changed, now)
    read = {"proven_at": answer.started_at, "failures": 0, "due_at": now + STATUSES_EVERY}
    change_rows(update_marks(_mark.id.in_(marks)).values(read))
    return outcome


def _locked(wanted: Sequence[Wanted]) -> dict[uuid.UUID, GitLabItem]:
    ids = [item_id for one in wanted for item_id in one.items.values()]
    rows = db.session.scalars(
        select(_item)
        .where(_item.id.in_(ids))
        .order_by(_item.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {item.id: item for item in rows}


def _record_one(
    item: GitLabItem,
    found: Statuses | None,
    started_at: datetime,
    now: datetime,
    outcome: StatusesRead,
) -> None:
    """Apply the statuses, unless a fetch that began later has done so. What is missing, or in
    another state than the cached one, is fetched as a whole.
    """
    wanted_at = item.status_wanted_at
    if wanted_at is not None and (wanted_at <= started_at or wanted_at > now):
        item.status_wanted_at = None
    if found is None or found.state != item.state:
        outcome.missing.append(item.iid)
        request_refresh(item, now, detail=True)
        return
    if item.detail_fetched_at is not None and started_at < item.detail_fetched_at <= now:
        return
    before = (item.pipeline_status, item.merge_status)
    item.merge_status = found.merge_status or item.merge_status
    if is_overtaken(item, started_at, now):
        item.status_wanted_at = now
        return
    if not item.pipeline_hidden or found.pipeline_status is not None:
        item.pipeline_status = found.pipeline_status
        item.head_pipeline_id = found.pipeline_id
    note_statuses(item, started_at, now)
    outcome.read += 1
    if before != (item.pipeline_status, item.merge_status):
        item.changed_at = now
        outcome.changed += 1


def _ask_otherwise(answer: StatusAnswer, now: datetime) -> None:
    """Request the single forms instead, at a call each; after a failure, try again later."""
    for item in _locked(answer.wanted).values():
        if item.status_wanted_at is not None:
            item.status_wanted_at = None if answer.refused else retry_after(2, now)
            if answer.refused:
                request_refresh(item, now, detail=True)


def request_single_forms(org_id: uuid.UUID, now: datetime) -> None:
    """For a GitLab that does not read statuses in one call: request the single forms of the
    merge requests that want theirs, and pass the turns.
    """
    wanted = (
        select(_item.id)
        .where(_item.org_id == org_id, _item.status_wanted_at <= now)
        .with_for_update(skip_locked=True)
    )
    form = {"refresh_requested_at": now, "next_sync_at": now, "detail_wanted": True}
    change_rows(update(_item).where(_item.id.in_(wanted)).values(**form, status_wanted_at=None))
    turns = update_marks(
        _mark.org_id == org_id, _mark.kind == DeltaKind.STATUS, _mark.due_at <= now
    )
    change_rows(turns.values(due_at=now + STATUSES_EVERY))
