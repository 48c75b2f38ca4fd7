"""What tells an open page that the rules say something else of a task than before."""

from typing import Any

from sqlalchemy import ColumnElement, bindparam, case, select

from gitlab_links.rule_states.models import OrgRules, TaskRuleState


def version_of_rules(*, none_hidden: ColumnElement[bool]) -> tuple[ColumnElement[Any], ...]:
    """Columns that change with the rules of the org ``org_id`` and with what they keep back of the
    task ``task_id``, both given with the statement.

    What they keep back of a task with a link that is hidden from the viewer changes nothing: they
    would learn of the hidden item.
    """
    rules, state = OrgRules.__table__.c, TaskRuleState.__table__.c
    mode, version = (
        select(column).where(rules.org_id == bindparam("org_id")).scalar_subquery()
        for column in (rules.mode, rules.version)
    )
    held, pinned = (
        select(column).where(state.task_id == bindparam("task_id")).scalar_subquery()
        for column in (state.held_since, state.pinned_at)
    )
    return mode, version, pinned, case((none_hidden, held))
