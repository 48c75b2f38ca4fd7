"""Write the answers of a round of calls to items, their projects, and the connection."""

import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy import select, update

from gitlab_links.extensions import change_rows, db
from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.gitlab.snapshot import Snapshot
from gitlab_links.integrations.changes import lock_integration
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.mentions.attaching import MentionChanges, drop_unmentioned
from gitlab_links.mentions.org_patterns import org_pattern
from gitlab_links.mentions.pattern import KeyPattern
from gitlab_links.observations.change_counts import count_changes
from gitlab_links.observations.project_watches import make_due, proven_projects
from gitlab_links.rules.marking import ItemMarks, note_default_branch
from gitlab_links.sync.applying import apply_fetched, mark_failed, postpone
from gitlab_links.sync.blame import Blame, blame
from gitlab_links.sync.change_sources import Before, note_fetched
from gitlab_links.sync.connection_results import record_connection
from gitlab_links.sync.fetching import Answer, Round
from gitlab_links.sync.identity import accepted
from gitlab_links.sync.issue_moves import record_move, with_moved_content
from gitlab_links.sync.item_events import FETCH, ItemChanges
from gitlab_links.sync.pausing import Standing
from gitlab_links.sync.projects import hand_over_path, is_known, learn
from gitlab_links.sync.same_branch import request_siblings
from gitlab_links.sync.unreadable_items import retry_unreadable

log = structlog.get_logger(__name__)

Items = dict[uuid.UUID, GitLabItem]
Snapshots = Mapping[int, Snapshot]


@dataclass(frozen=True, slots=True)
class Contradiction:
    """GitLab's API contradicts the webhooks about an item that were received from ``since`` on."""

    item_id: uuid.UUID
    since: datetime


@dataclass(frozen=True, slots=True)
class _Found:
    """The items whose changes came by webhook, and the contradictions."""

    by_webhook: list[GitLabItem] = field(default_factory=list)
    contradicted: list[Contradiction] = field(default_factory=list)


def record(
    org_id: uuid.UUID,
    calls: Round[Answer],
    *,
    token_ciphertext: str | None,
    before: Standing,
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
    items = _locked_items({item.id for answer in answers for item in answer.batch.items})
    shown = ItemChanges(items.values())
    by_webhook: Counter[uuid.UUID] = Counter()
    contradicted: list[Contradiction] = []
    marks = ItemMarks(items.values())
    pipelines = {item.id: item.pipeline_status for item in items.values()}
    mentions = MentionChanges(items.values())
    proven, pattern = proven_projects(org_id, now), org_pattern(org_id)
    usable: list[Snapshots] = [
        with_moved_content(accepted(answer, items), answer.moved) for answer in answers
    ]
    for answer, snapshots in zip(answers, usable, strict=True):
        source = (answer.batch.project_row, answer.batch.type.value)
        is_proven = answer.batch.project_row in proven or source in covered
        found = _record_items(
            answer, snapshots, verdict, items, pattern, now=now, ttl=ttl, proven=is_proven
        )
        by_webhook.update(item.id for item in found.by_webhook)
        contradicted += found.contradicted
    # Before projects are recorded, which may merge items with others.
    shown.record(org_id, FETCH)
    request_siblings(
        org_id,
        [one for one in items.values() if one.pipeline_status != pipelines[one.id]],
        now,
    )
    for answer, snapshots in _one_of_each_project(answers, usable):
        _record_project(answer, snapshots)
    for answer, snapshots in zip(answers, usable, strict=True):
        _follow_moved(answer, snapshots, items)
        _record_reason(answer, verdict)
        _record_default_branch(answer, now)
    marks.write(org_id, now)
    _count(org_id, answers, items, by_webhook, now)
    mentions.attach(org_id)
    drop_unmentioned(items.values())
    hidden = [answer.batch.project_row for answer in answers if _is_hidden(answer)]
    if hidden:
        make_due(hidden, now)  # the check finds out whether a project is gone
    succeeded = any(answer.failure is None for answer in answers)
    if (before.failed and succeeded) or (before.stopped and verdict.works):
        retry_unreadable(org_id, now, but=items.keys())
    if integration is not None and integration.token_ciphertext == token_ciphertext:
        record_connection(integration, answers, verdict, now)
        for answer in answers:
            if answer.decodes_slashes is not None:
                _note_decoded_slashes(integration, now, noticed=answer.decodes_slashes)
    return contradicted


def _locked_items(item_ids: set[uuid.UUID]) -> Items:
    rows = db.session.scalars(
        select(GitLabItem)
        .where(GitLabItem.id.in_(item_ids))
        .order_by(GitLabItem.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {item.id: item for item in rows}


def _record_items(
    answer: Answer,
    snapshots: Snapshots,
    verdict: Blame,
    items: Items,
    pattern: KeyPattern,
    *,
    now: datetime,
    ttl: int,
    proven: bool,
) -> _Found:
    """Apply one answer to its items."""
    found = _Found()
    for due in answer.batch.items:
        item = items.get(due.id)
        snapshot = snapshots.get(due.iid)
        if item is None:
            continue
        if snapshot is not None:
            before = Before.of(item)
            since = apply_fetched(
                item,
                snapshot,
                started_at=answer.started_at,
                now=now,
                ttl=ttl,
                proven=proven,
                pattern=pattern,
            )
            if since is not None:
                found.contradicted.append(Contradiction(item.id, since))
            if note_fetched(item, before, answer.started_at):
                found.by_webhook.append(item)
        elif due.iid in answer.snapshots:
            mark_failed(item, ErrorCode.ANOTHER_ITEM, started_at=answer.started_at, now=now)
        elif answer.failure is None and due.iid in answer.unresolved:
            postpone(item, started_at=answer.started_at, now=now)
        elif answer.failure is None:
            # Absent in every form: deleted, or the token may not see it.
            code = answer.codes.get(due.iid, ErrorCode.NOT_FOUND)
            mark_failed(item, code, started_at=answer.started_at, now=now)
        elif (charged := verdict.item_code(answer.failure)) is not None:
            # Otherwise the item stays due: the connection is paused instead.
            mark_failed(item, charged, started_at=answer.started_at, now=now)
    return found


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


def _one_of_each_project(
    answers: Sequence[Answer], usable: Sequence[Snapshots]
) -> Sequence[tuple[Answer, Snapshots]]:
    """One answer with facts about each project; all answers of a round have the same facts."""
    informative = [
        (answer, snapshots)
        for answer, snapshots in zip(answers, usable, strict=True)
        if snapshots or (answer.path_owner, answer.project_id) != (None, None)
    ]
    return list({pair[0].batch.project_row: pair for pair in reversed(informative)}.values())


def _record_project(answer: Answer, snapshots: Snapshots) -> None:
    found = (
        select(GitLabProject)
        .where(GitLabProject.id == answer.batch.project_row)
        .execution_options(populate_existing=True)
    )
    seen: Snapshot | None = next(iter(snapshots.values()), None)
    if seen is not None:
        project = db.session.scalars(found).one_or_none()
        if project is None or is_known(project, seen.project_id, seen.project_path):
            return
    elif answer.path_owner is None and answer.project_id is None:
        return
    project = db.session.scalars(found.with_for_update()).one_or_none()
    if project is None:
        return
    if seen is not None:
        learn(project, seen.project_id, seen.project_path)
    elif answer.path_owner is not None:
        hand_over_path(project, answer.path_owner)
    else:
        learn(project, answer.project_id, None)


def _record_default_branch(answer: Answer, now: datetime) -> None:
    if answer.default_branch is not None:
        project = db.session.get(GitLabProject, answer.batch.project_row)
        if project is not None:
            note_default_branch(project, answer.default_branch, now)


def _is_hidden(answer: Answer) -> bool:
    """Whether GitLab has stopped showing a project that it showed before."""
    failure = answer.failure
    return (
        failure is not None
        and failure.code == ErrorCode.NOT_FOUND
        and isinstance(answer.batch.project, int)
    )


def _record_reason(answer: Answer, verdict: Blame) -> None:
    """Store GitLab's reason for refusing a call for this project alone."""
    failure = answer.failure
    if failure is None or failure.http_status is None or verdict.item_code(failure) is None:
        return
    project = GitLabProject
    change_rows(
        update(project)
        .where(
            project.id == answer.batch.project_row,
            project.error_reason.is_distinct_from(failure.reason),
        )
        .values(error_reason=failure.reason)
    )


def _note_decoded_slashes(
    integration: OrgGitLabIntegration, now: datetime, *, noticed: bool
) -> None:
    if not noticed:
        integration.slashes_decoded_at = None
    elif integration.slashes_decoded_at is None:
        integration.slashes_decoded_at = now
        log.warning(
            "sync.slashes_decoded",
            org_id=str(integration.org_id),
            detail="A proxy in front of GitLab decodes %2F in addresses.",
        )
