"""Ask in one call what changed in up to a hundred projects.

The answer has numbers and times only. It is enough to know that nothing is new: each change is of
no linked item, or a webhook has brought it. Where something is new, the project's list is read.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from gitlab_links.clock import utcnow
from gitlab_links.deltas.marks import Delta, locked_marks
from gitlab_links.deltas.models import DeltaKind, GitLabDeltaMark
from gitlab_links.deltas.outdated import FoundRow, Seen
from gitlab_links.deltas.proving import (
    Proof,
    Terms,
    conclude,
    move,
    note_failed,
    request_statuses,
)
from gitlab_links.deltas.trust import rely_on
from gitlab_links.extensions import change_rows, db
from gitlab_links.gitlab.answers import GitLabFailure, RateLimit
from gitlab_links.gitlab.project_changes import ChangedPipeline, Changes
from gitlab_links.integrations.changes import lock_integration
from gitlab_links.links.models import GitLabItem
from gitlab_links.sync.blame import blame
from gitlab_links.sync.connection_results import record_connection
from gitlab_links.sync.fetching import Call, InTime, Round

if TYPE_CHECKING:
    from gitlab_links.gitlab.delta_client import DeltaClient

# A GitLab that does not answer this is asked again after this time. Until then lists are read.
REFUSED_FOR = timedelta(hours=1)
# The error code of a project that GitLab did not show among the others, or not in full.
NOT_SHOWN = "not_shown"

_item = GitLabItem


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """What changed in the projects of some deltas. ``changes`` is None if the call failed, or if
    GitLab does not answer such a call (``refused``).
    """

    deltas: Sequence[Delta]
    started_at: datetime
    changes: Changes | None = None
    refused: bool = False
    failure: GitLabFailure | None = None
    rate_limit: RateLimit | None = None


@dataclass(slots=True)
class Probed:
    """The outcome for the log: unchanged kinds of projects, and those whose lists are read."""

    unchanged: int = 0
    lists: int = 0
    statuses: int = 0


def call_for(deltas: Sequence[Delta]) -> Call[ProbeAnswer]:
    """The call for all of these deltas, since the earliest of their times."""
    started_at, since = utcnow(), min(delta.since for delta in deltas)
    projects = sorted({delta.project for delta in deltas})

    def ask(client: "DeltaClient", _in_time: InTime) -> ProbeAnswer:
        try:
            changes = client.changes(projects, since)
        except GitLabFailure as failure:
            return ProbeAnswer(deltas, started_at, failure=failure, rate_limit=client.rate_limit)
        refused = changes is None
        return ProbeAnswer(deltas, started_at, changes, refused, rate_limit=client.rate_limit)

    return Call(ask, lambda failure: ProbeAnswer(deltas, started_at, failure=failure))


def call_for_pipelines(delta: Delta) -> Call[ProbeAnswer]:
    """The call for the pipelines of one project, by its list."""
    started_at = utcnow()

    def ask(client: "DeltaClient", _in_time: InTime) -> ProbeAnswer:
        try:
            changes = client.changed_pipelines(delta.project, delta.since)
        except GitLabFailure as failure:
            return ProbeAnswer([delta], started_at, failure=failure, rate_limit=client.rate_limit)
        return ProbeAnswer([delta], started_at, changes, rate_limit=client.rate_limit)

    return Call(ask, lambda failure: ProbeAnswer([delta], started_at, failure=failure))


def is_refused(refused_at: datetime | None, now: datetime) -> bool:
    """Whether GitLab has not answered such a call lately."""
    return refused_at is not None and now - REFUSED_FOR < refused_at <= now


def record(
    org_id: uuid.UUID,
    calls: Round[ProbeAnswer],
    *,
    token_ciphertext: str | None,
    terms: Terms,
    proven: Collection[uuid.UUID],
) -> Probed:
    """Record the answer in one transaction, which the caller commits.

    ``proven`` are projects whose events arrive. Of others, lists are read for changes of items
    that are not linked, too: they may mention a task.
    """
    now = terms.now
    _record_connection(org_id, calls, token_ciphertext, now)
    probed = Probed()
    deltas = [delta for answer in calls.answers for delta in answer.deltas]
    marks = locked_marks(delta.mark_id for delta in deltas)
    for answer in calls.answers:
        here = [(delta, marks[delta.mark_id]) for delta in answer.deltas if delta.mark_id in marks]
        if answer.failure is not None:
            for _delta, mark in here:
                note_failed(mark, answer.failure.code, now)
            rely_on({delta.project_row for delta, _ in here}, (), now, terms.ttl)
        elif answer.changes is not None:
            seen = Seen.of(answer.deltas, answer.changes)
            read = []
            for delta, mark in here:
                if seen.wants_list(delta, reads_unlinked=delta.project_row not in proven):
                    _want_list(org_id, delta, mark, seen, now)
                    probed.lists += 1
                else:
                    _request(seen.outdated_of(delta).items, now)
                    read.append((_proof(delta, mark, seen, answer.changes), mark))
            _conclude(read, seen, terms)
            probed.unchanged += len(read)
            probed.statuses += _request_statuses(org_id, seen, now)
            rely_on({delta.project_row for delta, _ in here}, terms.trusted, now, terms.ttl)
    return probed


def _record_connection(
    org_id: uuid.UUID, calls: Round[ProbeAnswer], token_ciphertext: str | None, now: datetime
) -> None:
    integration = lock_integration(org_id)
    if integration is not None and integration.token_ciphertext == token_ciphertext:
        record_connection(integration, calls.answers, blame(calls), now)
        if any(answer.refused for answer in calls.answers):
            integration.changes_refused_at = now


def _want_list(
    org_id: uuid.UUID, delta: Delta, mark: GitLabDeltaMark, seen: Seen, now: datetime
) -> None:
    """Have the project's own list read. If that is what was read, and it is too long, the
    statuses of all merge requests are requested instead.
    """
    if delta.mark_id in seen.unread:
        # Not the list of its group: the project may be hidden there as well.
        note_failed(mark, NOT_SHOWN, now)
    if delta.kind is DeltaKind.PIPELINE and delta.list_wanted:
        request_statuses(org_id, now, _item.project_id == delta.project_row)
        mark.seen_until, mark.list_wanted, mark.due_at = now, False, now
    else:
        mark.list_wanted, mark.due_at = True, now


def _proof(delta: Delta, mark: GitLabDeltaMark, seen: Seen, changes: Changes) -> Proof:
    changed = seen.changed.get((delta.project_row, delta.kind), {})
    mark.calls_so_far, mark.changes_so_far = mark.calls_so_far + 1, len(changed)
    return Proof(delta, changed.keys(), changes.started_at, changes.gitlab_time)


def _conclude(read: Sequence[tuple[Proof, GitLabDeltaMark]], seen: Seen, terms: Terms) -> None:
    of_items = [pair for pair in read if pair[0].delta.kind is not DeltaKind.PIPELINE]
    for proof, mark in read:
        if proof.delta.kind is DeltaKind.PIPELINE:
            move(proof, mark, terms)
    _confirm([row for proof, _ in of_items for row in seen.linked_of(proof.delta)])
    conclude(of_items, terms)


def _confirm(rows: Sequence[FoundRow]) -> None:
    """GitLab's API has the version of these items that webhooks brought. That has times only, so
    it proves no state that the status rules wait for.
    """
    ids = [row.id for row in rows if row.unconfirmed_since is not None]
    if ids:
        nothing = dict.fromkeys(("unconfirmed_since", "unconfirmed_updated_at"))
        confirmed = update(_item).where(
            _item.id.in_(ids),
            _item.refresh_requested_at.is_(None),
            _item.unproven_since.is_(None),
        )
        change_rows(confirmed.values(**nothing, unconfirmed_before=None))


def _request(item_ids: Sequence[uuid.UUID], now: datetime) -> None:
    """Have the linked items alone fetched."""
    if item_ids:
        found = select(_item.id).where(_item.id.in_(item_ids)).with_for_update(skip_locked=True)
        wanted = {"refresh_requested_at": now, "next_sync_at": now}
        change_rows(update(_item).where(_item.id.in_(found)).values(wanted))


def _request_statuses(org_id: uuid.UUID, seen: Seen, now: datetime) -> int:
    """Request the statuses of merge requests whose newest pipeline has another status than the
    one that is cached. Returns of how many.
    """
    newest: dict[tuple[int, str], ChangedPipeline] = {}
    for project, pipelines in seen.pipelines.items():
        for pipeline in pipelines:
            known = newest.get((project, pipeline.sha))
            if known is None or known.id < pipeline.id:
                newest[project, pipeline.sha] = pipeline
    if not newest:
        return 0
    rows = db.session.execute(
        select(_item.id, _item.source_project_id, _item.head_sha, _item.pipeline_status).where(
            _item.org_id == org_id,
            _item.source_project_id.in_({project for project, _ in newest}),
            _item.head_sha.in_({sha for _, sha in newest}),
            _item.pipeline_hidden.is_not(True),
        )
    )
    other = [
        row.id
        for row in rows
        if (found := newest.get((row.source_project_id, row.head_sha))) is not None
        and found.status != row.pipeline_status
    ]
    return request_statuses(org_id, now, _item.id.in_(other)) if other else 0
