"""Who set the status of a task, and why, for its page."""

from typing import Any

from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Permission
from gitlab_links.pages.rules.rule_words import RULE_NAMES, calls_for, has_changed, link_words
from gitlab_links.pages.tasks.task_list import STATUS_MARKS
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.rules.explanations import explain_if_ruled
from gitlab_links.rules.wanted import Wanted
from gitlab_links.tasks.models import TaskStatus
from gitlab_links.tasks.summaries import TaskView


def rule_story(principal: Principal, visibility: Visibility, task: TaskView) -> dict[str, Any]:
    """What ``rules/of_task.html`` shows; nothing while the org has no rules."""
    explained = explain_if_ruled(visibility, task)
    if explained is None:
        return {}
    former = explained.former_status
    return {
        "explained": explained,
        "rule_names": RULE_NAMES,
        "calls_for": calls_for,
        "link_words": link_words,
        "has_changed": has_changed(explained),
        "former_text": former and STATUS_MARKS[former].text,
        "held_text": _status_text(explained.wanted) if explained.is_held else None,
        "may_read_rules": principal.may(Permission.RULES_READ),
        "may_change_rules": principal.may(Permission.RULES_WRITE),
    }


def _status_text(wanted: Wanted | None) -> str:
    return STATUS_MARKS[TaskStatus(str(wanted))].text
