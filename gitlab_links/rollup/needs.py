"""What a task needs, derived from one linked item and from all of them. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gitlab_links.gitlab.items import ItemState, ItemType
from gitlab_links.links.waits import NOT_APPROVED
from gitlab_links.tasks.models import TaskStatus

FAILED = "failed"
READY_STATUSES = frozenset({"mergeable", "can_be_merged"})
CONFLICT_STATUSES = frozenset({"conflict", "cannot_be_merged"})
CHANGES_REQUESTED = "requested_changes"
# GitLab says that the author has to act, or that nothing is left to do: nobody waits for the
# reviewers.
NOT_WITH_REVIEWERS = (
    READY_STATUSES | CONFLICT_STATUSES | {CHANGES_REQUESTED, "need_rebase", "ci_must_pass"}
)


class Need(StrEnum):
    """Why a task may need somebody, the most urgent first."""

    OVERDUE = "overdue"
    FAILING = "failing"
    CONFLICTS = "conflicts"
    CHANGES = "changes_requested"
    REVIEW = "waiting_for_review"
    READY = "ready"
    APPROVED = "approved"
    ALL_MERGED = "all_merged_not_done"
    STILL_OPEN = "done_but_open"
    DRAFT = "draft"
    NOTHING_LINKED = "nothing_linked"


# Those that a single linked item causes.
OF_AN_ITEM = (
    Need.OVERDUE,
    Need.FAILING,
    Need.CONFLICTS,
    Need.CHANGES,
    Need.REVIEW,
    Need.READY,
    Need.APPROVED,
    Need.DRAFT,
)


@dataclass(frozen=True, slots=True)
class LinkState:
    """What counts of a linked item, and how many links of the task are alike.

    ``state`` is None until GitLab is read. ``reviewed`` is whether somebody is to review it,
    ``approved`` whether it is approved and nobody else is to review it, ``late`` whether its due
    date has passed. ``problems`` of the links have a sync problem. ``active_at`` is GitLab's
    newest time of these items. An item withheld from the viewer has none of these but
    ``withheld``, ``count`` and ``problems``.
    """

    gitlab_type: str
    state: str | None = None
    draft: bool = False
    merge_status: str | None = None
    pipeline_status: str | None = None
    reviewed: bool = False
    approved: bool = False
    late: bool = False
    withheld: bool = False
    count: int = 1
    problems: int = 0
    active_at: datetime | None = None

    @property
    def is_merge_request(self) -> bool:
        """Whether it is a merge request that the viewer may see."""
        return self.gitlab_type == ItemType.MERGE_REQUEST and not self.withheld

    def has(self, need: Need) -> bool:
        """Whether this item causes the need; :mod:`rollup.conditions` says it in SQL."""
        if self.state != ItemState.OPENED:
            return False
        if need is Need.OVERDUE:
            return self.late
        return self.is_merge_request and self._merge_request_has(need)

    def _merge_request_has(self, need: Need) -> bool:
        failing = self.pipeline_status == FAILED
        status = self.merge_status
        waits = self.reviewed and not self.approved and status not in NOT_WITH_REVIEWERS
        return {
            Need.FAILING: failing,
            Need.CONFLICTS: status in CONFLICT_STATUSES,
            Need.CHANGES: status == CHANGES_REQUESTED,
            Need.REVIEW: not self.draft and (waits or status == NOT_APPROVED),
            Need.READY: not self.draft and not failing and status in READY_STATUSES,
            Need.APPROVED: self.approved,
            Need.DRAFT: self.draft,
        }[need]


@dataclass(frozen=True, slots=True)
class RollUp:
    """A task's links in numbers, for one viewer. The API sends its fields as they are.

    ``merge_requests`` are those not closed unmerged; what GitLab has not said yet is in none
    of the numbers. ``overdue`` counts the task itself, too.
    """

    merge_requests: int
    merged: int
    open_issues: int
    overdue: int
    failing: int
    conflicts: int
    changes_requested: int
    waiting_for_review: int
    ready: int
    approved: int
    draft: int
    needs: tuple[Need, ...]

    def count_of(self, need: Need) -> int:
        """How many items cause the need; for one of the whole task 1, if it has it."""
        if need in OF_AN_ITEM:
            return int(getattr(self, need.value))
        return int(need in self.needs)


def roll_up(links: Iterable[LinkState], status: TaskStatus, *, task_late: bool) -> RollUp:
    """The roll-up of a task from all its links. ``task_late``: its own due date has passed
    before it was done.
    """
    every = list(links)
    seen = [link for link in every if not link.withheld]
    requests = [link for link in seen if link.is_merge_request]
    counts = {need: _count(link for link in seen if link.has(need)) for need in OF_AN_ITEM}
    counts[Need.OVERDUE] += task_late
    known = {ItemState.OPENED, ItemState.LOCKED, ItemState.MERGED}
    issues = [link for link in seen if not link.is_merge_request]
    return RollUp(
        merge_requests=_count(link for link in requests if link.state in known),
        merged=_count(link for link in requests if link.state == ItemState.MERGED),
        open_issues=_count(link for link in issues if link.state == ItemState.OPENED),
        **{need.value: count for need, count in counts.items()},
        needs=tuple(_needs(counts, every, status)),
    )


def _needs(
    counts: dict[Need, int], links: Sequence[LinkState], status: TaskStatus
) -> Iterable[Need]:
    done = status is TaskStatus.DONE
    seen = [link for link in links if not link.withheld]
    states = [link.state for link in seen if link.is_merge_request]
    ended = {ItemState.MERGED, ItemState.CLOSED}
    whole = {
        Need.ALL_MERGED: not done and ItemState.MERGED in states and ended.issuperset(states),
        Need.STILL_OPEN: done and any(link.state == ItemState.OPENED for link in seen),
        Need.NOTHING_LINKED: not done and not links,
    }
    return (need for need in Need if counts.get(need) or whole.get(need))


def _count(links: Iterable[LinkState]) -> int:
    return sum(link.count for link in links)
