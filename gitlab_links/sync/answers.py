"""Write the answers of a round of calls to items, their projects, and the connection."""

import uuid
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy import select

from gitlab_links.extensions import db
from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.gitlab.snapshot import Snapshot
from gitlab_links.integrations.changes import lock_integration
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.items import ids_of
from gitlab_links.links.models import GitLabItem
from gitlab_links.mentions.attaching import MentionChanges, drop_unmentioned
from gitlab_links.mentions.org_patterns import org_pattern
from gitlab_links.mentions.pattern import KeyPattern
from gitlab_links.observations.change_counts import count_changes
from gitlab_links.observations.project_watches import proven_projects
from gitlab_links.rules.marking import ItemMarks
from gitlab_links.sync.answered_projects import (
    Snapshots,
    UsableAnswer,
    check_hidden,
    record_default_branch,
    record_projects,
    record_reason,
)
from gitlab_links.sync.applying import apply_fetched, mark_failed, postpone
from gitlab_links.sync.blame import Blame, blame
from gitlab_links.sync.change_sources import Before, note_fetched
from gitlab_links.sync.connection_results import record_connection
from gitlab_links.sync.fetching import Answer, Round
from gitlab_links.sync.identity import accepted
from gitlab_links.sync.issue_moves import record_move, with_moved_content
from gitlab_links.sync.item_events import FETCH, ItemChanges
from gitlab_links.sync.pausing import ConnectionState
from gitlab_links.sync.same_branch import request_siblings
from gitlab_links.sync.unreadable_items import retry_unreadable

log = structlog.get_logger(__name__)

Items = dict[uuid.UUID, GitLabItem]


@dataclass(frozen=True, slots=True)
class Contradiction:
    """GitLab's API contradicts the webhooks about an item that were received from ``since`` on."""

    item_id: uuid.UUID
    since: datetime


class _Changes:
    """Remembers the items before the answers, to find what these change."""

    def __init__(self, items: Collection[GitLabItem]) -> None:
        self._shown = ItemChanges(items)
        self.marks = ItemMarks(items)
        self._pipelines = [(item, item.pipeline_status) for item in items]
        self.mentions = MentionChanges(items)

    def record_shown(self, org_id: uuid.UUID, now: datetime) -> None:
        """Record the shown changes; other pipelines lead to merge requests of the same branch."""
        self._shown.record(org_id, FETCH)
        changed = [item for item, status in self._pipelines if item.pipeline_status != status]
        request_siblings(org_id, changed, now)


@dataclass(frozen=True, slots=True)
class _Applying:
    """Applies answers to the items. ``by_webhook`` counts the changes that came by webhook."""

    items: Items
    verdict: Blame
    pattern: KeyPattern
    now: datetime
    ttl: int
    by_webhook: Counter[uuid.UUID] = field(default_factory=Counter)
    contradicted: list[Contradiction] = field(default_factory=list)

    def apply(self, answer: Answer, snapshots: Snapshots, *, proven: bool) -> None:
        """Apply one answer to its items. ``proven``: the project's events arrive."""
        started_at, now = answer.started_at, self.now
        for due in answer.batch.items:
            item = self.items.get(due.id)
            snapshot = snapshots.get(due.iid)
            if item is None:
                continue
            if snapshot is not None:
                self._apply_snapshot(item, snapshot, started_at, proven=proven)
            elif due.iid in answer.snapshots:
                mark_failed(item, ErrorCode.ANOTHER_ITEM, started_at=started_at, now=now)
            elif answer.failure is None and due.iid in answer.unresolved:
                postpone(item, started_at=started_at, now=now)
            elif answer.failure is None:
                # Absent in every form: deleted, or the token may not see it.
                code = answer.codes.get(due.iid, ErrorCode.NOT_FOUND)
                mark_failed(item, code, started_at=started_at, now=now)
            elif (charged := self.verdict.item_code(answer.failure)) is not None:
                # Otherwise the item stays due: the connection is paused instead.
                mark_failed(item, charged, started_at=started_at, now=now)

    def _apply_snapshot(
        self, item: GitLabItem, snapshot: Snapshot, started_at: datetime, *, proven: bool
    ) -> None:
        before = Before.of(item)
        since = apply_fetched(
            item,
            snapshot,
            started_at=started_at,
            now=self.now,
            ttl=self.ttl,
            proven=proven,
            pattern=self.pattern,
        )
        if since is not None:
            self.contradicted.append(Contradiction(item.id, since))
        if note_fetched(item, before, started_at):
            self.by_webhook[item.id] += 1


def record(
    org_id: uuid.UUID,
    calls: Round[Answer],
    *,
    token_ciphertext: str | None,
    before: ConnectionState,
    now: datetime,
    ttl: int,
    covered: Collection[tuple[uuid.UUID, str]] = frozenset(),
) -> list[Contradiction]:
    """Apply a round of answers in one transaction, which the caller commits.

    Returns the contradictions to webhooks.

    ``token_ciphertext`` belongs to the token of the calls: if an admin has set another token
    since, the answers do not change the connection. ``before`` is the connection's state
    before the round: when GitLab can be read again, items that failed become due at once.
    ``covered`` are the projects and types whose changes are learned from lists.
    """
    answers, verdict = calls.answers, blame(calls)
    integration = lock_integration(org_id)  # first, in the same order as saving a token
    items = _locked_items(org_id, answers)
    changes = _Changes(items.values())
    proven = proven_projects(org_id, now)
    applying = _Applying(items, verdict, org_pattern(org_id), now, ttl)
    usable = _usable(answers, items)
    for answer, snapshots in usable:
        source = (answer.batch.project_row, answer.batch.type.value)
        is_proven = answer.batch.project_row in proven or source in covered
        applying.apply(answer, snapshots, proven=is_proven)
    # Before projects are recorded, which may merge items with others.
    changes.record_shown(org_id, now)
    record_projects(usable)
    for answer, snapshots in usable:
        _follow_moved(answer, snapshots, items)
        record_reason(answer, verdict)
        record_default_branch(answer, now)
    changes.marks.write(org_id, now)
    _count(org_id, answers, items, applying.by_webhook, now)
    changes.mentions.attach(org_id)
    drop_unmentioned(items.values())
    check_hidden(answers, now)
    if _is_readable_again(before, answers, verdict):
        retry_unreadable(org_id, now, but=items.keys())
    if integration is not None and integration.token_ciphertext == token_ciphertext:
        record_connection(integration, answers, verdict, now)
        _note_decoded_slashes(integration, answers, now)
    return applying.contradicted


def _locked_items(org_id: uuid.UUID, answers: Sequence[Answer]) -> Items:
    """The items, locked in one order with those at the new places of moved issues, which get
    their links.
    """
    item_ids = {item.id for answer in answers for item in answer.batch.items}
    moves = [move for answer in answers for move in answer.moved.values()]
    targets = ids_of(org_id, {move.ref for move in moves if not move.may_be_confidential})
    rows = db.session.scalars(
        select(GitLabItem)
        .where(GitLabItem.id.in_(item_ids | targets))
        .order_by(GitLabItem.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {item.id: item for item in rows if item.id in item_ids}


def _usable(answers: Sequence[Answer], items: Items) -> Sequence[UsableAnswer]:
    return [
        (answer, with_moved_content(accepted(answer, items), answer.moved)) for answer in answers
    ]


def _follow_moved(answer: Answer, snapshots: Snapshots, items: Items) -> None:
    for due in answer.batch.items:
        item = items.get(due.id)
        # Recording the project may have merged the item into another one.
        if item is not None and due.iid in snapshots and item in db.session:
            record_move(item, answer.moved.get(due.iid))


def _count(
    org_id: uuid.UUID,
    answers: Sequence[Answer],
    items: Items,
    by_webhook: Counter[uuid.UUID],
    now: datetime,
) -> None:
    """Runs after recording projects, which may have moved items to another project."""
    by_project = Counter(items[item_id].project_id for item_id in by_webhook.elements())
    calls: Counter[uuid.UUID] = Counter()
    for answer in answers:
        asked = (items.get(due.id) for due in answer.batch.items)
        there = next((item for item in asked if item is not None and item in db.session), None)
        if there is not None and answer.calls:
            calls[there.project_id] += answer.calls
    count_changes(org_id, "by_webhook", by_project, now.date(), calls=calls)


def _is_readable_again(before: ConnectionState, answers: Sequence[Answer], verdict: Blame) -> bool:
    succeeded = any(answer.failure is None for answer in answers)
    return (before.failed and succeeded) or (before.stopped and verdict.works)


def _note_decoded_slashes(
    integration: OrgGitLabIntegration, answers: Sequence[Answer], now: datetime
) -> None:
    for noticed in (answer.decodes_slashes for answer in answers):
        if noticed is False:
            integration.slashes_decoded_at = None
        elif noticed and integration.slashes_decoded_at is None:
            integration.slashes_decoded_at = now
            log.warning(
                "sync.slashes_decoded",
                org_id=str(integration.org_id),
                detail="A proxy in front of GitLab decodes %2F in addresses.",
            )
