"""The dry run: what the rules would set of every task, as a list to filter."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, case, func, literal, select

from gitlab_links.extensions import db
from gitlab_links.paging import Position, paged
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.rule_states.models import OrgRules, RulesMode, TaskRuleState
from gitlab_links.rules.changes import find_rules
from gitlab_links.rules.explanations import Explanation, explain_tasks
from gitlab_links.rules.wanted import Wanted
from gitlab_links.search.conditions import found_by
from gitlab_links.tasks.models import Task, TaskStatus
from gitlab_links.tasks.queries import tasks_where


class Outcome(StrEnum):
    """What the rules would do with a task."""

    STARTS = "starts"
    DONE = "done"
    REOPENS = "reopens"
    UNDECIDED = "undecided"
    HELD = "held"
    PINNED = "pinned"
    WAITING = "waiting"
    STAYS = "stays"


_task, _state = Task, TaskRuleState


def outcome_of(rules: OrgRules) -> ColumnElement[str]:
    """The outcome of a task, in SQL: ``rule_for`` over what is stored."""
    wants_progress = and_(_state.wanted == Wanted.IN_PROGRESS.value, literal(rules.started))
    wants_back = and_(_state.wanted == Wanted.IN_PROGRESS.value, literal(rules.reopened))
    return case(
        (_state.pinned_at.is_not(None), Outcome.PINNED.value),
        (_state.undecided, Outcome.UNDECIDED.value),
        (_state.version != rules.version, Outcome.WAITING.value),
        (_state.held_since.is_not(None), Outcome.HELD.value),
        (
            and_(wants_progress, _task.status == TaskStatus.OPEN.value),
            Outcome.STARTS.value,
        ),
        (
            and_(
                wants_back,
                _task.status == TaskStatus.DONE.value,
                _task.status_rule.is_not(None),
            ),
            Outcome.REOPENS.value,
        ),
        (
            and_(
                _state.wanted == Wanted.DONE.value,
                literal(rules.all_merged),
                _task.status != TaskStatus.DONE.value,
            ),
            Outcome.DONE.value,
        ),
        else_=Outcome.STAYS.value,
    )


def outcome_counts(org_id: uuid.UUID) -> Mapping[Outcome, int]:
    """How many tasks have each outcome; all of them are named."""
    rules = find_rules(org_id)
    found: dict[Outcome, int] = {}
    if rules is not None and rules.mode != RulesMode.OFF:
        outcome = outcome_of(rules).label("outcome")
        rows = db.session.execute(
            select(outcome, func.count())
            .select_from(_task)
            .outerjoin(_state, _state.task_id == _task.id)
            .where(_task.org_id == org_id)
            .group_by(outcome)
        )
        found = {Outcome(name): count for name, count in rows}
    return {one: found.get(one, 0) for one in Outcome}


@dataclass(frozen=True, slots=True)
class DryRunTask:
    """A task, what the rules would do with it, and why."""

    id: uuid.UUID
    reference: str
    title: str
    status: TaskStatus
    outcome: Outcome
    explanation: Explanation


def dry_run_page(
    visibility: Visibility,
    outcome: Outcome | None,
    q: str | None = None,
    *,
    after: Position | None = None,
    limit: int | None = None,
) -> Sequence[DryRunTask]:
    """The org's tasks with this outcome, or all, the newest first; none while rules are off.
    ``q`` is searched in title, description and reference.
    """
    org_id = visibility.org_id
    rules = find_rules(org_id)
    if rules is None or rules.mode == RulesMode.OFF:
        return []
    shown = outcome_of(rules)
    rows = select(_task.id, shown.label("outcome")).outerjoin(_state, _state.task_id == _task.id)
    rows = rows.where(_task.org_id == org_id)
    if outcome is not None:
        rows = rows.where(shown == outcome.value)
    if q:
        rows = rows.where(found_by(q, visibility))
    rows = paged(rows, _task.id, descending=True, after=after, limit=limit)
    outcomes = {row.id: Outcome(row.outcome) for row in db.session.execute(rows)}
    tasks = tasks_where(org_id, _task.id.in_(outcomes))
    explanations = explain_tasks(visibility, tasks)
    return [
        DryRunTask(
            task.id,
            task.reference,
            task.title,
            task.status,
            outcomes[task.id],
            explanations[task.id],
        )
        for task in tasks
    ]
