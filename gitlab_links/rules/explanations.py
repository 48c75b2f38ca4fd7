"""Why tasks have their status, and what the rules want of them."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from gitlab_links.extensions import db
from gitlab_links.links.confidentiality import withheld
from gitlab_links.links.models import GitLabItem
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.rule_states.models import OrgRules, RulesMode, TaskRuleState
from gitlab_links.rules.changes import find_rules
from gitlab_links.rules.choices import choices_of
from gitlab_links.rules.links import RuleLink, links_of_tasks
from gitlab_links.rules.wanted import (
    OUTSIDE,
    LinkMeaning,
    Rule,
    RuleChoices,
    Wanted,
    meaning_of,
    rule_for,
)
from gitlab_links.rules.wanted import wanted as wanted_of
from gitlab_links.tasks.models import TaskStatus
from gitlab_links.tasks.summaries import TaskView


@dataclass(frozen=True, slots=True)
class ExplainedLink:
    """What one link says. Of an item that is withheld from the viewer, only its reference."""

    item_id: uuid.UUID
    reference: str
    says: LinkMeaning | None
    counts: bool | None
    merged_at: datetime | None = None
    merged_by: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the rules say of one task.

    ``wanted`` is what its links call for now; None if that depends on an item that is withheld
    from the viewer. ``would`` is the rule that would change the status to it, if the task were
    not pinned and nobody had decided otherwise.

    ``rule`` set the present status, at ``changed_at``; ``reasons`` are what the links said then.
    *Undo* sets ``former_status``; None if there is nothing to undo. ``mode`` is the org's.

    ``is_held``: the rules have stopped, and keep back the change that they ``would`` make.
    """

    mode: RulesMode
    wanted: Wanted | None
    would: Rule | None
    links: Sequence[ExplainedLink]
    rule: Rule | None
    changed_at: datetime | None
    former_status: TaskStatus | None
    reasons: Sequence[ExplainedLink]
    pinned_at: datetime | None
    is_held: bool


def explain(visibility: Visibility, task: TaskView) -> Explanation:
    """The explanation of one task, for a viewer who may see links."""
    return explain_tasks(visibility, [task])[task.id]


def explain_if_ruled(visibility: Visibility, task: TaskView) -> Explanation | None:
    """The same; None if the rules are off and none has set the status. One query then."""
    if task.status_rule is None and _mode(find_rules(visibility.org_id)) is RulesMode.OFF:
        return None
    return explain(visibility, task)


def explain_tasks(
    visibility: Visibility, tasks: Sequence[TaskView]
) -> Mapping[uuid.UUID, Explanation]:
    """The explanations of tasks of an org, in as many statements as of one."""
    rules = find_rules(visibility.org_id)
    ids = [task.id for task in tasks]
    states = {
        state.task_id: state
        for state in db.session.scalars(
            select(TaskRuleState)
            .where(TaskRuleState.task_id.in_(ids))
            .execution_options(populate_existing=True)
        )
    }
    everything = visibility.sees_all
    reader = _Reader(choices_of(rules), _mode(rules), everything, _withheld(states, everything))
    links = links_of_tasks(ids)
    return {
        task.id: reader.explain(task, states.get(task.id), links.get(task.id, ())) for task in tasks
    }


def _mode(rules: OrgRules | None) -> RulesMode:
    return RulesMode.OFF if rules is None else RulesMode(rules.mode)


def _withheld(states: Mapping[uuid.UUID, TaskRuleState], everything: bool) -> Collection[uuid.UUID]:
    """The items in the reasons of the past that are withheld now, of a viewer who may not see
    everything: what was said then must not be read by who may not read it now.
    """
    ids = {uuid.UUID(one["item_id"]) for state in states.values() for one in state.reasons or ()}
    if everything or not ids:
        return ()
    return set(db.session.scalars(select(GitLabItem.id).where(GitLabItem.id.in_(ids), withheld())))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Explains tasks to one viewer."""

    choices: RuleChoices
    mode: RulesMode
    sees_all: bool
    withheld: Collection[uuid.UUID]

    def explain(
        self, task: TaskView, state: TaskRuleState | None, links: Sequence[RuleLink]
    ) -> Explanation:
        meanings = [meaning_of(link.facts, self.choices) for link in links]
        want = wanted_of(meanings, self.choices)
        shown = [self._link(*pair) for pair in zip(links, meanings, strict=True)]
        set_by_rule = task.status_rule is not None
        hidden = any(one.says is None for one in shown)
        would = (
            None if hidden else rule_for(want, task.status, self.choices, set_by_rule=set_by_rule)
        )
        is_held = state is not None and state.held_since is not None and would is not None
        return Explanation(
            mode=self.mode,
            wanted=None if hidden else want,
            would=would,
            links=shown,
            rule=Rule(task.status_rule) if task.status_rule else None,
            changed_at=state.changed_at if state and set_by_rule else None,
            former_status=_former(state) if set_by_rule else None,
            reasons=[self._reason(one) for one in (state.reasons if state else None) or ()]
            if set_by_rule
            else [],
            pinned_at=state.pinned_at if state else None,
            is_held=is_held and self.mode is RulesMode.STOPPED,
        )

    def _link(self, link: RuleLink, says: LinkMeaning) -> ExplainedLink:
        if link.withheld and not self.sees_all:
            return ExplainedLink(link.item_id, link.made_reference, None, None)
        counts = says not in OUTSIDE
        return ExplainedLink(
            link.item_id, link.reference, says, counts, link.merged_at, link.merged_by
        )

    def _reason(self, stored: Mapping[str, Any]) -> ExplainedLink:
        item_id = uuid.UUID(stored["item_id"])
        if not self.sees_all and (stored["withheld"] or item_id in self.withheld):
            return ExplainedLink(item_id, stored["reference"], None, None)
        return ExplainedLink(
            item_id,
            stored["reference"],
            LinkMeaning(stored["says"]),
            counts=True,
            merged_at=stored["merged_at"] and datetime.fromisoformat(stored["merged_at"]),
            merged_by=stored["merged_by"],
        )


def _former(state: TaskRuleState | None) -> TaskStatus | None:
    if state is None or state.former_status is None:
        return None
    return TaskStatus(state.former_status)
