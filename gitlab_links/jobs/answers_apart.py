"""Record the answers of a round; if that fails, in parts, so that a bad item fails alone."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import structlog

from gitlab_links.deltas.probing import ProbeAnswer
from gitlab_links.deltas.reading import DeltaAnswer
from gitlab_links.deltas.statuses import StatusAnswer
from gitlab_links.extensions import db
from gitlab_links.gitlab.answers import GitLabFailure
from gitlab_links.jobs.drains import LEFT_TO_THE_LEASE
from gitlab_links.sync.due_items import DueItem
from gitlab_links.sync.fetching import A, Answer, Round

T = TypeVar("T")

FAULT = GitLabFailure("internal_error", "The answer could not be stored.")

log = structlog.get_logger(__name__)


def record_apart(
    calls: Round[A],
    record: Callable[[Round[A]], T],
    split: Callable[[A], Sequence[A]],
    fault_of: Callable[[A], A],
) -> list[T]:
    """``record`` the round, which the caller commits. If it fails, each answer is recorded and
    committed on its own; one that fails again in the parts of ``split``, and of a part that
    cannot be split what ``fault_of`` makes of it.

    Returns what ``record`` returned each time that it went well. A deadlock or a lost database is
    left to the next round.
    """
    if recorded := _recorded(calls, record):
        return recorded
    # What another answer shows of the connection counts for each one, too.
    succeeded = any(answer.failure is None for answer in calls.answers)
    nothing = replace(calls, answers=(), account_asked=calls.account_asked or succeeded)
    # The failures of GitLab last: they say whether the connection pauses.
    left = sorted(calls.answers, key=lambda one: one.failure is None)
    while left:
        answer = left.pop()
        alone = _recorded(replace(nothing, answers=[answer]), record)
        if not alone:
            parts = split(answer)
            left += parts
            if not parts:
                alone = [record(replace(nothing, answers=[fault_of(answer)]))]
        recorded += alone
        db.session.commit()
    return recorded


def _recorded(calls: Round[A], record: Callable[[Round[A]], T]) -> list[T]:
    """What ``record`` returned, as the only one; none if it failed, and then nothing of it is left
    in the transaction.
    """
    try:
        result = record(calls)
        db.session.flush()
    except LEFT_TO_THE_LEASE:
        raise
    except Exception:
        db.session.rollback()
        log.exception("sync.answers_not_recorded", answers=len(calls.answers))
        return []
    return [result]


def halves_of(answer: Answer) -> Sequence[Answer]:
    """The answer about each half of its items, unless the project itself is in doubt."""
    items = answer.batch.items
    if len(items) < 2 or answer.path_owner is not None:
        return ()
    first, second = _halves(items)
    return [_part(answer, first, answer.calls), _part(answer, second, 0)]


def _halves(listed: Sequence[T]) -> tuple[Sequence[T], Sequence[T]]:
    middle = len(listed) // 2
    return listed[:middle], listed[middle:]


def _part(answer: Answer, items: Sequence[DueItem], calls: int) -> Answer:
    iids = {item.iid for item in items}
    shown = {iid: one for iid, one in answer.snapshots.items() if iid in iids}
    return replace(
        answer, batch=replace(answer.batch, items=tuple(items)), snapshots=shown, calls=calls
    )


def fault_of_items(answer: Answer) -> Answer:
    """The items are charged, and fetched again later."""
    return Answer(answer.batch, answer.started_at, {}, FAULT, answer.rate_limit)


def halves_of_changes(answer: ProbeAnswer) -> Sequence[ProbeAnswer]:
    """The answer about each half of the projects and their kinds; none if it cannot be cut."""
    if answer.changes is None or len(answer.deltas) < 2:
        return ()
    return [replace(answer, deltas=half) for half in _halves(answer.deltas)]


def fault_of_changes(answer: ProbeAnswer) -> ProbeAnswer:
    """The mark stays where it was, and the changes are read again later."""
    return replace(answer, changes=None, failure=FAULT)


def no_part_of_list(_answer: DeltaAnswer) -> Sequence[DeltaAnswer]:
    """A list stays whole: its mark moves only with all that it has."""
    return ()


def fault_of_list(answer: DeltaAnswer) -> DeltaAnswer:
    """The mark stays where it was; meanwhile the items are fetched."""
    delta, limit = answer.delta, answer.rate_limit
    return DeltaAnswer(
        delta, answer.started_at, reached=delta.since, failure=FAULT, rate_limit=limit
    )


def halves_of_statuses(answer: StatusAnswer) -> Sequence[StatusAnswer]:
    """The answer about each half of its projects, and of one about each half of its merge
    requests; none if it cannot be cut.
    """
    if answer.found is None:
        return ()
    wanted, found = answer.wanted, answer.found
    if len(wanted) == 1:
        [one], items = wanted, list(wanted[0].items.items())
        if len(items) < 2:
            return ()
        wanted = [replace(one, items=dict(half)) for half in _halves(items)]
        found = [found[0], found[0]]
    return [
        replace(answer, wanted=some, found=theirs)
        for some, theirs in zip(_halves(wanted), _halves(found), strict=True)
    ]


def fault_of_statuses(answer: StatusAnswer) -> StatusAnswer:
    """The merge request keeps its statuses; they are read again later."""
    return replace(answer, found=None, failure=FAULT)
