"""Write what a list of changes has to the linked items, and how far it was read."""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import and_, or_, select

from gitlab_links.deltas.applying import apply_listed
from gitlab_links.deltas.marks import locked_marks
from gitlab_links.deltas.mentioning import Unlinked, items_mentioning
from gitlab_links.deltas.models import GitLabDeltaMark
from gitlab_links.deltas.proving import (
    Proof,
    Terms,
    conclude,
    make_due,
    note_failed,
    request_statuses,
)
from gitlab_links.deltas.reading import DeltaAnswer
from gitlab_links.deltas.trust import rely_on
from gitlab_links.extensions import db
from gitlab_links.integrations.changes import lock_integration
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

_item = GitLabItem


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
    by_webhook: Counter[uuid.UUID] = field(default_factory=Counter)
    merged_in: set[uuid.UUID] = field(default_factory=set)


def record(
    org_id: uuid.UUID,
    calls: Round[DeltaAnswer],
    *,
    token_ciphertext: str | None,
    terms: Terms,
    of_group: bool = False,
) -> Recorded:
    """Apply a round of lists in one transaction, which the caller commits. The list ``of_group``
    is for no project alone.

    ``token_ciphertext`` belongs to the token of the calls: if an admin has set another token
    since, the answers do not change the connection.
    """
    now, ttl = terms.now, terms.ttl
    integration = lock_integration(org_id)  # first, in the same order as fetching
    recorded = Recorded()
    items = _locked([answer for answer in calls.answers if answer.listed])
    shown, seen_by_rules = ItemChanges(items.values()), ItemMarks(items.values())
    mentions, pattern = MentionChanges(items.values()), org_pattern(org_id)
    for answer in calls.answers:
        _apply(answer, items, recorded, pattern, now=now, ttl=ttl)
    shown.record(org_id, FETCH)
    new = items_mentioning(org_id, recorded.unlinked, pattern, now=now, ttl=ttl)
    mentions.attach(org_id, *new)
    seen_by_rules.write(org_id, now)  # after every item is locked
    db.session.flush()
    marks = locked_marks(answer.delta.mark_id for answer in calls.answers)
    read = [(one, marks[one.delta.mark_id]) for one in calls.answers if one.delta.mark_id in marks]
    proofs = [(_record_reading(answer, mark, now), mark) for answer, mark in read]
    conclude([(proof, mark) for proof, mark in proofs if proof is not None], terms)
    failed = {one.delta.project_row for one in calls.answers if one.failure is not None}
    rely_on({one.delta.project_row for one in calls.answers}, set(terms.trusted) - failed, now, ttl)
    if recorded.merged_in:
        # What was merged may stand in the way of others.
        request_statuses(org_id, now, _item.project_id.in_(recorded.merged_in))
    own = Counter({one.delta.project_row: one.calls for one in calls.answers if not of_group})
    count_changes(org_id, "by_webhook", +recorded.by_webhook, now.date(), calls=+own)
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
        recorded.by_webhook[item.project_id] += outcome.by_webhook
        if outcome.was_merged:
            recorded.merged_in.add(item.project_id)
        if outcome.contradicted_since is not None:
            recorded.contradicted.append(Contradiction(item.id, outcome.contradicted_since))


def _record_reading(answer: DeltaAnswer, mark: GitLabDeltaMark, now: datetime) -> Proof | None:
    """Note what it took, and how far it came; what it proves, if it came to the end."""
    mark.calls_so_far += answer.calls
    mark.changes_so_far += len(answer.listed)
    if answer.has_gap:
        mark.proven_since = None
        make_due(answer.delta, now)
    if answer.failure is None and answer.reached is None:
        times = [one.snapshot.updated_at for one in answer.listed.values()]
        past = [one for one in times if isinstance(one, datetime) and one <= now]
        newest = max(past, default=None)
        iids, started_at = answer.listed.keys(), answer.started_at
        return Proof(answer.delta, iids, started_at, answer.gitlab_time, newest)
    if answer.listed:
        mark.reached = answer.reached and min(answer.reached, now)
    mark.due_at = now
    if answer.failure is not None:
        note_failed(mark, answer.failure.code, now)
    return None
